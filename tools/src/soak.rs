//! A simulated month of many streams: faults, drift, outages, a clock that is set back, restarts and
//! swaps.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use aster::data::{DataError, Time, TimeSeries};
use aster::detect::{
    AlarmEvent, Detector, Notice, OnLate, Regular, Row, StreamConfig, StreamOutput, Streams,
};
use clap::ValueEnum;

use crate::evaluate::Summary;
use crate::planted::{CHANNELS, DAY, Fault, Kind, Planted, cause, minute, plant_all};

/// Simulation of many streams over some days.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    /// Kind of the series.
    pub kind: Kind,
    /// Streams.
    pub streams: usize,
    /// Days, at least 8.
    pub days: usize,
    /// Restarts of the service, evenly spread, each of which saves and loads all streams.
    pub restarts: usize,
    /// Swaps to another detector, evenly spread.
    pub swaps: usize,
}

/// Record of a simulated month.
#[derive(Debug, Default)]
pub struct Month {
    /// Record of each stream.
    pub streams: Vec<Told>,
    /// Notices by name.
    pub notices: BTreeMap<&'static str, usize>,
    /// Most bytes that a stream has taken.
    pub most_memory: usize,
    /// Rows pushed.
    pub rows: usize,
}

/// Record of one stream: its events and its faults.
#[derive(Debug, Default)]
pub struct Told {
    /// Events of alarms.
    pub events: Vec<Event>,
    /// Faults that were planted in it.
    pub planted: Vec<Planted>,
}

/// Event of an alarm, in rows of those simulated.
#[derive(Debug, PartialEq)]
pub struct Event {
    /// Event as the stream told it.
    pub event: AlarmEvent,
    /// Rows of the alarm by then.
    pub rows: Range<usize>,
    /// Rows that had come when it was told.
    pub told: usize,
}

/// Numbers of alarms by what they are of.
#[derive(Debug)]
pub struct Found {
    /// Alarms of each fault that was planted.
    pub of_faults: Vec<usize>,
    /// Alarms of no fault.
    pub others: usize,
    /// Faults without an alarm of their own that were told as an update of one that was open.
    pub updated: usize,
}

type Outputs = BTreeMap<String, StreamOutput>;

/// Rows by which the clock is set back.
const SET_BACK: usize = 60;

/// Rows of the longest outage that is filled.
const FILLED: usize = 5;

/// One stream of the simulation.
struct Plant {
    name: String,
    values: Vec<f64>,
    outages: Vec<Range<usize>>,
}

impl Soak {
    /// Row from which on the clock is an hour behind: at night, after half of the days.
    fn set_back(&self) -> usize {
        self.days / 2 * DAY + 180
    }

    fn plant(&self, number: usize, told: &mut Told) -> Plant {
        let rows = self.days * DAY;
        let mut values = self.kind.draw(rows, 1000 + number as u64);
        age(&mut values, 0.0);
        let apart = (rows - 3 * DAY) / Fault::value_variants().len();
        // Of streams at other times, as the network runs on them together.
        let first = 2 * DAY + 37 * number;
        told.planted = plant_all(&mut values, first, apart, number as u64);
        // Between faults: a short outage every day, one of two hours.
        let away = |row: &usize| {
            told.planted.iter().all(|it| *row + 600 < it.rows.start || *row > it.rows.end + 600)
        };
        let days = (1..self.days).map(|day| day * DAY + 700).filter(away);
        let mut outages: Vec<Range<usize>> =
            days.map(|row| row..row + 1 + (row + number) % FILLED).collect();
        let middle = outages.len() / 2;
        if let Some(long) = outages.get_mut(middle) {
            long.end = long.start + 120;
        }
        Plant { name: format!("{:?} {number}", self.kind), values, outages }
    }

    /// The two weeks before a swap, of which number 0 is the beginning, of another stream without faults.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn training(&self, swap: usize) -> Result<TimeSeries, DataError> {
        let (rows, weeks) = (self.days * DAY, 14 * DAY);
        let mut values = self.kind.draw(weeks + rows, 0);
        age(&mut values, -(weeks as f64) / rows as f64);
        let first = swap * self.between(self.swaps);
        self.kind.series(&values[first * CHANNELS..(first + weeks) * CHANNELS], first)
    }

    /// Rows between so many things that are evenly spread.
    fn between(&self, times: usize) -> usize {
        self.days * DAY / (times + 1)
    }

    /// Runs it; saved streams lie in a folder. The first detector begins, one more takes over at each
    /// swap.
    ///
    /// # Errors
    /// A stream that cannot be saved or does not read back.
    pub fn run(&self, detectors: &[Arc<Detector>], folder: &Path) -> anyhow::Result<Month> {
        let mut month = Month::default();
        month.streams.resize_with(self.streams, Told::default);
        let plants = month.streams.iter_mut().enumerate();
        let plants: Vec<Plant> = plants.map(|(number, it)| self.plant(number, it)).collect();
        let mut config = StreamConfig::default();
        config.late = OnLate::Restart;
        config.regular = Some(Regular { step: minute(1) - minute(0), fill: FILLED });
        let mut detectors = detectors.iter().cloned().peekable();
        let mut detector = detectors.next().context("no detector")?;
        let mut streams = Streams::new(detector.clone(), config)?;
        let rows = self.days * DAY;
        for row in 0..rows {
            let due = self.swaps > 0 && row > 0 && row % self.between(self.swaps) == 0;
            if let Some(next) = detectors.next_if(|_| due) {
                detector = next;
                let outputs = streams.swap(detector.clone())?;
                self.take(&mut month, &plants, outputs, row);
            }
            if self.restarts > 0 && row > 0 && row % self.between(self.restarts) == 0 {
                streams.save(folder)?;
                streams = Streams::load(detector.clone(), folder)?;
            }
            let back = if row < self.set_back() { 0 } else { SET_BACK };
            let time = minute(row - back);
            let there = |it: &&Plant| !it.outages.iter().any(|rows| rows.contains(&row));
            let pushed = plants.iter().filter(there).map(|it| {
                let values = &it.values[row * CHANNELS..][..CHANNELS];
                (it.name.as_str(), Row::new(time, values))
            });
            let pushed: Vec<_> = pushed.collect();
            month.rows += pushed.len();
            let outputs = streams.push(&pushed)?;
            self.take(&mut month, &plants, outputs, row);
            let ticked = streams.tick(time)?;
            self.take(&mut month, &plants, ticked, row);
            if row % DAY == 0 {
                month.most_memory = month.most_memory.max(streams.memory() / self.streams);
            }
        }
        let last =
            plants.iter().filter_map(|it| Some((it.name.clone(), streams.finish(&it.name)?)));
        self.take(&mut month, &plants, last.collect(), rows);
        Ok(month)
    }

    /// The row of a time that a stream tells of when so many rows have come.
    fn row_of(&self, time: i64, come: usize) -> usize {
        let row = ((time - minute(0)) / (minute(1) - minute(0))) as usize;
        let behind = row + SET_BACK;
        if behind >= self.set_back() && behind <= come { behind } else { row }
    }

    /// Takes what streams tell when so many rows have come.
    fn take(&self, month: &mut Month, plants: &[Plant], outputs: Outputs, come: usize) {
        for (plant, told) in plants.iter().zip(&mut month.streams) {
            let Some(output) = outputs.get(&plant.name) else { continue };
            for event in &output.events {
                let times = event.alarm().interval.times;
                let row = |time: Time| self.row_of(time.timestamp(), come);
                let rows = times.map(|it| row(it.start_time)..row(it.last_time) + 1);
                let (event, rows) = (event.clone(), rows.unwrap_or_default());
                told.events.push(Event { event, rows, told: come });
            }
            for notice in &output.notices {
                *month.notices.entry(name_of(notice)).or_default() += 1;
            }
        }
    }
}

/// Lets a channel drift, by so many of its standard deviations at the first row and by one at the last.
fn age(values: &mut [f64], from: f64) {
    let own: Vec<f64> = values.iter().step_by(CHANNELS).copied().collect();
    let (rows, spread) = (own.len() as f64, Summary::of(&own).std);
    for (row, value) in values.iter_mut().step_by(CHANNELS).enumerate() {
        *value += spread * (from + (1.0 - from) * row as f64 / rows);
    }
}

fn name_of(notice: &Notice) -> &'static str {
    match notice {
        Notice::WarmingUp { .. } => "warming up",
        Notice::Ready { .. } => "ready",
        Notice::Stale { .. } => "stale",
        Notice::Resumed { .. } => "resumed",
        Notice::Late { .. } => "late",
        Notice::Filled { .. } => "filled",
        Notice::Missing { .. } => "missing",
        Notice::Frozen { .. } => "frozen",
        Notice::Moves { .. } => "moves",
        _ => "other",
    }
}

impl Told {
    /// Counts the alarms of each fault, and those of none.
    pub fn found(&self, latency: usize) -> Found {
        let of_faults = vec![0; self.planted.len()];
        let mut found = Found { of_faults, others: 0, updated: 0 };
        let (mut opened, mut updated) = (0, vec![false; self.planted.len()]);
        for Event { event, rows, told } in &self.events {
            match event {
                AlarmEvent::Opened(_) => opened = *told,
                AlarmEvent::Closed(_) => match cause(&self.planted, rows, opened, latency) {
                    Some(fault) => found.of_faults[fault] += 1,
                    None => found.others += 1,
                },
                AlarmEvent::Updated(_) => {
                    for (updated, fault) in updated.iter_mut().zip(&self.planted) {
                        let during = fault.rows.start..fault.rows.end + latency;
                        *updated |= during.contains(told);
                    }
                }
                _ => (),
            }
        }
        let own = found.of_faults.iter().map(|alarms| *alarms > 0);
        found.updated = updated.iter().zip(own).filter(|(updated, own)| **updated && !own).count();
        found
    }

    /// Finds what is wrong with the order of its events: each alarm opens once and closes once,
    /// before the next one.
    ///
    /// # Errors
    /// An event out of order.
    pub fn check_order(&self) -> Result<(), String> {
        let (mut open, mut next) = (None, 0);
        for Event { event, .. } in &self.events {
            let number = event.alarm().number;
            let fits = match event {
                AlarmEvent::Opened(_) => open.replace(number).is_none() && number == next,
                AlarmEvent::Closed(_) => open.take() == Some(number),
                _ => open == Some(number),
            };
            next += u64::from(matches!(event, AlarmEvent::Opened(_)));
            if !fits {
                return Err(format!("out of order: {event}"));
            }
        }
        open.map_or(Ok(()), |number| Err(format!("alarm {number} has not closed")))
    }
}

#[cfg(test)]
mod tests {
    use aster::prelude::*;

    use super::*;

    #[test]
    fn restarts_lose_and_double_nothing() {
        let kind = Kind::Web;
        let train = kind.series(&kind.draw(4 * DAY, 0), 0).unwrap().into_train();
        let mut config = AsterConfig::default();
        (config.train.epochs, config.train.steps_per_epoch) = (1, 20);
        let detector = Arc::new(aster::fit(&config, &train, &Device::flex()).unwrap());
        let rarer = ThresholdRule::FalseAlarms { episodes: 3.0, per: Per::Rows(10_000) };
        let rarer = Arc::new(detector.with_threshold(rarer).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let once = Soak { kind, streams: 3, days: 8, restarts: 0, swaps: 2 };
        let detectors = [detector.clone(), rarer, detector];
        let expected = once.run(&detectors, folder.path()).unwrap();
        let often = Soak { restarts: 29, ..once }.run(&detectors, folder.path()).unwrap();
        assert_eq!(often.notices, expected.notices);
        for (often, expected) in often.streams.iter().zip(&expected.streams) {
            assert_eq!(often.events, expected.events);
            often.check_order().unwrap();
            assert!(!often.events.is_empty());
        }
        assert!(expected.notices["filled"] > 0 && expected.notices["stale"] > 0);
    }
}
