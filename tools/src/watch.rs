//! Rows one by one, and when a stream tells of an alarm.

use std::sync::Arc;

use aster::DetectError;
use aster::detect::{
    Alarm, AlarmEvent, Detector, Row, StreamConfig, StreamOutput, StreamingDetector,
};

use crate::planted::{CHANNELS, Planted, cause, minute};

/// Alarm of a stream.
#[derive(Debug, Clone)]
pub struct Told {
    /// Alarm as it was when it closed, by rows of the simulation.
    pub alarm: Alarm,
    /// Alarm as it was when it opened.
    pub opened: Alarm,
    /// Row whose push told that it opened.
    pub told: usize,
}

/// Pushes values `[rows, C]` one by one, the first of which is a given row; returns the alarms.
///
/// # Errors
/// Other channels than those trained on.
pub fn watch(
    detector: Arc<Detector>,
    values: &[f64],
    first: usize,
) -> Result<Vec<Told>, DetectError> {
    let mut stream = StreamingDetector::new(detector, StreamConfig::default())?;
    let (mut opened, mut alarms) = (None, vec![]);
    let mut take = |told: usize, output: StreamOutput| {
        for event in output.events {
            match event {
                AlarmEvent::Opened(alarm) => opened = Some((alarm.shifted(first), told)),
                AlarmEvent::Closed(alarm) => {
                    alarms.extend(opened.take().map(|(opened, told)| Told {
                        alarm: alarm.shifted(first),
                        opened,
                        told,
                    }))
                }
                _ => (),
            }
        }
    };
    let mut row = first;
    for values in values.chunks(CHANNELS) {
        take(row, stream.push(&[Row::new(minute(row), values)])?);
        row += 1;
    }
    take(row, stream.finish());
    Ok(alarms)
}

/// The first alarm of each fault, and how many are of none, where scores wait for so many rows.
pub fn first_alarms(
    planted: &[Planted],
    alarms: Vec<Told>,
    latency: usize,
) -> (Vec<Option<Told>>, usize) {
    let (mut of_fault, mut others) = (vec![None; planted.len()], 0);
    for told in alarms {
        match cause(planted, &told.alarm.rows(), told.told, latency) {
            Some(fault) => drop(of_fault[fault].get_or_insert(told)),
            None => others += 1,
        }
    }
    (of_fault, others)
}

#[cfg(test)]
mod tests {
    use aster::prelude::*;

    use super::*;
    use crate::planted::{DAY, Fault, Kind};

    #[test]
    fn in_real_time_shifts_and_spikes_are_told_of_within_eight_rows() {
        let (kind, mut config) = (Kind::Web, AsterConfig::real_time());
        (config.train.epochs, config.train.steps_per_epoch) = (4, 20);
        let mut values = kind.draw(8 * DAY, 5);
        let faults = (0..6).map(|at| {
            let fault = if at % 2 == 0 { Fault::Shift } else { Fault::Spike };
            fault.plant(&mut values, at % 3, 5 * DAY + 600 * at)
        });
        let planted: Vec<Planted> = faults.collect();
        let train = kind.series(&values[..4 * DAY * CHANNELS], 0).unwrap().into_train();
        let detector = Arc::new(aster::fit(&config, &train, &Device::flex()).unwrap());
        assert_eq!(detector.latency(), 4);
        let alarms = watch(detector, &values[4 * DAY * CHANNELS..], 4 * DAY).unwrap();
        let (first, _) = first_alarms(&planted, alarms, 4);
        let delays = planted.iter().zip(first);
        let mut delays: Vec<usize> =
            delays.filter_map(|(fault, it)| Some(it?.told - fault.rows.start)).collect();
        delays.sort_unstable();
        assert!(delays.len() >= 5 && delays[delays.len() / 2] <= 8, "{delays:?}");
    }
}
