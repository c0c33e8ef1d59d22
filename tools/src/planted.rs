//! Series as buildings, machines and web services make them, a row a minute, and faults planted in
//! them.

use std::f64::consts::TAU;
use std::ops::Range;

use aster::data::{Clock, DataError, TimeSeries};
use clap::ValueEnum;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::evaluate::Summary;
use crate::stationary::normal;

/// Rows of a day.
pub const DAY: usize = 1440;

/// Channels of each series.
pub const CHANNELS: usize = 5;

/// Kind of a realistic series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A building: temperatures, power, humidity and carbon dioxide, by the hour and the weather.
    Daily,
    /// A machine: speed, current, pressure, temperature and flow over cycles of four phases.
    Cycles,
    /// A web service: requests, processor, latency, memory and connections under the day's load.
    Web,
}

/// Kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// The level of a channel moves by four of its standard deviations for two hours.
    Shift,
    /// A channel reads 0 for an hour.
    Dropout,
    /// A channel repeats its last value for four hours.
    Frozen,
    /// A channel goes its own way for four hours: what it was some time before.
    Decoupled,
    /// A channel drifts away by four standard deviations over six hours.
    Drift,
    /// A single row of a channel is off by eight standard deviations.
    Spike,
}

/// Fault that was planted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// Kind of the fault.
    pub fault: Fault,
    /// Rows that the fault changes.
    pub rows: Range<usize>,
    /// Number of the channel that the fault changes.
    pub channel: usize,
}

impl Planted {
    /// Returns whether an alarm of some rows that was told when so many had come can be of it: it was not
    /// told before, and began no later than what waits for rows of it can see.
    pub fn explains(&self, rows: &Range<usize>, told: usize, latency: usize) -> bool {
        let seen = self.rows.start.saturating_sub(latency)..self.rows.end + latency;
        told >= self.rows.start && rows.start < seen.end && rows.end > seen.start
    }
}

impl Kind {
    fn channels(self) -> [&'static str; CHANNELS] {
        match self {
            Self::Daily => ["outside", "inside", "power", "humidity", "co2"],
            Self::Cycles => ["speed", "current", "pressure", "temperature", "flow"],
            Self::Web => ["requests", "cpu", "latency", "memory", "connections"],
        }
    }

    /// Draws values `[rows, C]` of so many rows, which begin at midnight.
    pub fn draw(self, rows: usize, seed: u64) -> Vec<f64> {
        let mut rng = StdRng::seed_from_u64(seed);
        match self {
            Self::Daily => daily(&mut rng, rows),
            Self::Cycles => cycles(&mut rng, rows),
            Self::Web => web(&mut rng, rows),
        }
    }

    /// Makes a series of values `[rows, C]`, a row a minute from a row on.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn series(self, values: &[f64], first: usize) -> Result<TimeSeries, DataError> {
        let channels = self.channels().map(String::from).to_vec();
        let minutes = (0..values.len() / CHANNELS).map(|row| minute(first + row)).collect();
        Ok(TimeSeries::new(channels, values.to_vec())?
            .with_timestamps(minutes)?
            .with_clock(Clock::UTC))
    }
}

/// The time of a row: nanoseconds since the Unix epoch.
pub fn minute(row: usize) -> i64 {
    1_767_225_600_000_000_000 + 60_000_000_000 * row as i64
}

/// A value that wanders around 0 with a spread of 1, most of it within so many rows.
struct Wander(f64);

impl Wander {
    fn next(&mut self, rng: &mut StdRng, rows: f64) -> f64 {
        let kept = (-rows.recip()).exp();
        self.0 = kept * self.0 + (1.0 - kept * kept).sqrt() * normal(rng);
        self.0
    }
}

/// How much of a working day's people are there, from 0 to 1.
fn presence(minute: f64) -> f64 {
    let rise = |at: f64, width: f64| 1.0 / (1.0 + ((at - minute) / width).exp());
    rise(480.0, 25.0) - rise(1050.0, 40.0)
}

fn daily(rng: &mut StdRng, rows: usize) -> Vec<f64> {
    let (mut weather, mut people) = (Wander(0.0), Wander(0.0));
    let (mut inside, mut co2) = (20.0, 420.0);
    let mut values = Vec::with_capacity(rows * CHANNELS);
    for row in 0..rows {
        let minute = (row % DAY) as f64;
        let sun = -(TAU * (minute - 180.0) / DAY as f64).cos();
        let outside = 10.0 + 4.0 * sun + 1.5 * weather.next(rng, 900.0);
        let there = presence(minute) * (1.0 + 0.1 * people.next(rng, 60.0));
        let target = if (360.0..1200.0).contains(&minute) { 21.5 } else { 18.5 };
        inside += 0.03 * (target - inside) + 0.001 * (outside - inside) + 0.02 * normal(rng);
        co2 += 0.04 * (420.0 + 500.0 * there - co2) + 4.0 * normal(rng);
        let heating = (target - inside + 0.1 * (15.0 - outside)).max(0.0);
        values.extend([
            outside + 0.1 * normal(rng),
            inside + 0.05 * normal(rng),
            8.0 + 20.0 * there + 6.0 * heating + 0.8 * normal(rng),
            70.0 - 2.0 * (outside - 10.0) + 4.0 * there + 0.7 * normal(rng),
            co2 + 6.0 * normal(rng),
        ]);
    }
    values
}

fn cycles(rng: &mut StdRng, rows: usize) -> Vec<f64> {
    // Speed and load of the phases.
    let phases = [(600.0, 0.2), (1500.0, 0.6), (1500.0, 1.0), (900.0, 0.4)];
    let length = f64::from(rng.random_range(40..80u32));
    let (mut speed, mut load, mut heat) = (600.0, 0.2, 45.0);
    let mut values = Vec::with_capacity(rows * CHANNELS);
    while values.len() < rows * CHANNELS {
        let length = (length * rng.random_range(0.9..1.1)) as usize;
        let part = 1.0 + 0.05 * normal(rng);
        for row in 0..length {
            let (set, asked) = phases[4 * row / length];
            speed += 0.5 * (set - speed);
            load += 0.4 * (asked * part - load);
            heat += 0.02 * (40.0 + 25.0 * load - heat);
            values.extend([
                speed + 8.0 * normal(rng),
                2.0 + 9.0 * load * speed / 1500.0 + 0.15 * normal(rng),
                3.0 + 2.0 * load + 0.05 * normal(rng),
                heat + 0.2 * normal(rng),
                12.0 + 0.02 * speed + 0.4 * normal(rng),
            ]);
        }
    }
    values.truncate(rows * CHANNELS);
    values
}

fn web(rng: &mut StdRng, rows: usize) -> Vec<f64> {
    let (mut mood, mut memory) = (Wander(0.0), 40.0);
    let mut values = Vec::with_capacity(rows * CHANNELS);
    for row in 0..rows {
        let minute = (row % DAY) as f64;
        let day = 1.0 - 0.7 * (TAU * (minute - 200.0) / DAY as f64).cos();
        let requests = 400.0 * day * (0.08 * mood.next(rng, 120.0) + 0.04 * normal(rng)).exp();
        let cpu = 8.0 + 0.06 * requests + 1.2 * normal(rng);
        // Collected every now and then.
        memory += 0.0006 * requests;
        if memory > 70.0 {
            memory = 40.0 + 2.0 * normal(rng);
        }
        let slow = 60.0 + 0.5 * cpu + 0.012 * cpu * cpu;
        values.extend([
            requests,
            cpu,
            slow * (0.08 * normal(rng)).exp(),
            memory + 0.3 * normal(rng),
            30.0 + 0.09 * requests + 2.0 * normal(rng),
        ]);
    }
    values
}

impl Fault {
    /// Rows that it lasts.
    pub fn rows(self) -> usize {
        match self {
            Self::Spike => 1,
            Self::Dropout => 60,
            Self::Shift => 120,
            Self::Frozen | Self::Decoupled => 240,
            Self::Drift => 360,
        }
    }

    /// Plants it in a channel of values `[rows, C]` from a row on, at least a day after the first.
    pub fn plant(self, values: &mut [f64], channel: usize, from: usize) -> Planted {
        let own: Vec<f64> = values[channel..].iter().step_by(CHANNELS).copied().collect();
        let spread = Summary::of(&own).std;
        let rows = from..from + self.rows();
        for row in rows.clone() {
            let value = own[row];
            let share = (row + 1 - from) as f64 / self.rows() as f64;
            values[row * CHANNELS + channel] = match self {
                Self::Shift => value + 4.0 * spread,
                Self::Dropout => 0.0,
                Self::Frozen => own[from],
                // Neither a whole day before nor a whole cycle.
                Self::Decoupled => own[row - 700],
                Self::Drift => value + 4.0 * spread * share,
                Self::Spike => value + 8.0 * spread,
            };
        }
        Planted { fault: self, rows, channel }
    }
}

/// Returns the number of the fault that an alarm can be of, if any, as [`Planted::explains`] has it.
pub fn cause(
    planted: &[Planted],
    rows: &Range<usize>,
    told: usize,
    latency: usize,
) -> Option<usize> {
    planted.iter().position(|it| it.explains(rows, told, latency))
}

/// Plants a fault of each kind in values `[rows, C]`, so many rows apart from a row on, in one
/// channel after the other.
pub fn plant_all(values: &mut [f64], first: usize, apart: usize, seed: u64) -> Vec<Planted> {
    let faults = Fault::value_variants().iter().enumerate();
    let plant = |(at, fault): (usize, &Fault)| {
        fault.plant(values, (at + seed as usize) % CHANNELS, first + at * apart)
    };
    faults.map(plant).collect()
}

/// Rows for which it is another hour.
const DISPLACED: usize = 120;

/// Lets all channels of values `[rows, C]` be, for two hours, what they are half a day before, every second
/// day from a row on that is a midnight; returns these rows. It is at night and at noon by turns, and the one
/// becomes the other over twenty rows: nothing but the hour is wrong.
pub fn displace_hours(values: &mut [f64], first: usize) -> Vec<Range<usize>> {
    let clean = values.to_vec();
    let days = (first..values.len() / CHANNELS - DAY).step_by(2 * DAY).enumerate();
    let hours = days.map(|(number, midnight)| midnight + if number % 2 == 0 { 120 } else { 840 });
    let displace = |from: usize| {
        for row in 0..DISPLACED {
            let end = (row + 1).min(DISPLACED - row);
            let share = (end as f64 / 20.0).min(1.0);
            let at = (from + row) * CHANNELS;
            for place in at..at + CHANNELS {
                let other = clean[place - DAY / 2 * CHANNELS];
                values[place] = (1.0 - share) * clean[place] + share * other;
            }
        }
        from..from + DISPLACED
    };
    hours.map(displace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_change_their_rows_of_their_channel_alone() {
        for kind in Kind::value_variants() {
            let clean = kind.draw(10 * DAY, 3);
            let mut values = clean.clone();
            let planted = plant_all(&mut values, DAY, DAY + 100, 1);
            assert_eq!(planted.len(), 6);
            for (at, (value, clean)) in values.iter().zip(&clean).enumerate() {
                let (row, channel) = (at / CHANNELS, at % CHANNELS);
                let hit = |it: &Planted| it.rows.contains(&row) && it.channel == channel;
                assert!(value == clean || planted.iter().any(hit), "{kind:?} {row} {channel}");
            }
            assert!(values.iter().all(|value| value.is_finite()));
            assert_eq!(kind.series(&values, 0).unwrap().rows(), 10 * DAY);
        }
    }

    #[test]
    fn it_is_another_hour_at_night_and_at_noon() {
        let clean = Kind::Web.draw(8 * DAY, 3);
        let mut values = clean.clone();
        let rows = displace_hours(&mut values, 2 * DAY);
        let hours: Vec<usize> = rows.iter().map(|rows| rows.start % DAY / 60).collect();
        assert_eq!(hours, [2, 14, 2]);
        let row = |values: &[f64], row: usize| values[row * CHANNELS..][..CHANNELS].to_vec();
        for (at, rows) in rows.iter().enumerate() {
            let amid = rows.start + 60;
            assert_eq!(row(&values, amid), row(&clean, amid - DAY / 2), "{at}");
            assert_eq!(row(&values, rows.end), row(&clean, rows.end));
        }
    }
}
