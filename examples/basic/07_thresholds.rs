//! Other thresholds for a detector that is trained, and the reasons for its alarms, of a finished
//! series and of a stream.
//!
//! `cargo run --release --example thresholds`

use aster::prelude::*;

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig { train_rows: 3000, ..Default::default() }.generate()?;
    let mut config = AsterConfig::default();
    config.train.epochs = 3;
    let detector = fit(&config, &split.train, &device(DeviceChoice::Auto)?)?;

    // The detector keeps the scores of its training series, so that rules need no series.
    // Ten false alarms in 10 000 rows, and how sure that is.
    println!("{}", detector.promise(Per::Rows(10_000))?);
    for rule in [
        ThresholdRule::FalseAlarms { episodes: 1.0, per: Per::Rows(1000) },
        ThresholdRule::FalseAlarmRate { rate: 0.05 },
        ThresholdRule::FalseAlarmRate { rate: 0.001 },
        ThresholdRule::Mad { k: 8.0 },
        ThresholdRule::Fixed { value: 12.0 },
    ] {
        let changed = detector.with_threshold(rule)?;
        let alarms = changed.detect(&split.test)?.alarms.len();
        println!("{rule}: {:.1} nats, {alarms} alarms", changed.threshold());
    }

    // Debounced, joined, and without adaptation to drift; the weights are shared.
    let calm = detector
        .with_threshold(ThresholdRule::FalseAlarmRate { rate: 0.01 })?
        .with_alarm(AlarmConfig { k: 3, n: 5, join: 20, ..Default::default() })?
        .with_drift(None)?;
    for alarm in calm.detect(&split.test)?.alarms {
        println!("{alarm}");
    }

    // A stream tells when an alarm opens, and why, before it is over.
    let mut stream = StreamingDetector::new(calm.into(), StreamConfig::default())?;
    for row in 0..split.test.rows() {
        for event in stream.push(&[Row::new(None, split.test.row(row))])?.events {
            println!("row {row}: {event}");
        }
    }
    Ok(())
}
