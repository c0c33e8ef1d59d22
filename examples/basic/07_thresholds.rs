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

    // The detector keeps the scores of its calibration rows, so that rules need no series.
    for rule in [
        ThresholdRule::FalseAlarmRate { rate: 0.05 },
        ThresholdRule::FalseAlarmRate { rate: 0.001 },
        ThresholdRule::Mad { k: 8.0 },
        ThresholdRule::Fixed { value: 12.0 },
    ] {
        let changed = detector.with_threshold(rule)?;
        let alarms = changed.detect(&split.test)?.intervals.len();
        println!("{rule}: {:.1} nats, {alarms} alarms", changed.threshold());
    }

    // Debounced, joined, and without adaptation to drift; the weights are shared.
    let calm = detector
        .with_threshold(ThresholdRule::FalseAlarmRate { rate: 0.01 })?
        .with_alarm(AlarmConfig { k: 3, n: 5, join: 20 })?
        .with_drift(None)?;
    for alarm in calm.detect(&split.test)?.intervals {
        let rows = alarm.start..alarm.end;
        let why = calm.attribute(&split.test, rows, Attribution::Reconstruction)?;
        println!("{alarm}: {}, {}", why[0], why[1]);
    }

    // A stream tells the reason while an alarm goes on.
    let policy = StreamConfig::with(|it| it.history = 200);
    let mut stream = StreamingDetector::new(calm.into(), policy)?;
    let mut told = None;
    for row in 0..split.test.rows() {
        stream.push(&[Row::new(None, split.test.row(row))])?;
        let Some(alarm) = stream.open_alarm() else { continue };
        if told != Some(alarm.start) {
            told = Some(alarm.start);
            let rows = alarm.start as u64..alarm.end as u64;
            let why = stream.attribute(rows, Attribution::Reconstruction)?;
            println!("since row {}: {}, told at row {row}", alarm.start, why[0]);
        }
    }
    Ok(())
}
