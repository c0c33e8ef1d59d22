//! Nightly retraining: the process moves on, and each night a detector that has learned from the
//! day goes into service between two rows.
//!
//! `cargo run --release --example nightly`

use std::sync::Arc;
use std::time::Duration;

use aster::prelude::*;

const DAY: usize = 1000;

fn main() -> anyhow::Result<()> {
    let data = SyntheticConfig { train_rows: 4000, ..Default::default() };
    let (days, device) = (data.generate()?.train, device(DeviceChoice::Auto)?);
    // The first day is what there is before; from the third on, everything lies higher.
    let day = |number: usize| -> anyhow::Result<TimeSeries> {
        let day = days.slice(number * DAY..(number + 1) * DAY)?;
        let rise = if number >= 2 { 0.5 } else { 0.0 };
        let values = day.values().iter().map(|value| value + rise).collect();
        Ok(TimeSeries::new(day.channels().to_vec(), values)?)
    };
    let mut config = AsterConfig::default();
    config.train.epochs = 3;
    let mut detector = Arc::new(fit(&config, &day(0)?.into_train(), &device)?);
    let mut stream = StreamingDetector::new(detector.clone(), StreamConfig::default())?;

    let mut night = config.train.clone();
    (night.epochs, night.learning_rate) = (2, night.learning_rate / 2.0);
    for number in 1..4 {
        let today = day(number)?;
        let rows: Vec<Row> = (0..DAY).map(|row| Row::new(None, today.row(row))).collect();
        let found = stream.push(&rows)?;
        let scores = detector.score(&today)?;
        let drifted = &detector.stability(&today, &scores)?.channels[0];
        println!("day {number}: {} alarms", found.opened().count());
        println!("  {} has moved most, by {:.2} (above 0.25: drifted)", drifted.0, drifted.1);

        // It is told to stop when the night is over; what it has by then is put into service.
        let token = CancelToken::default();
        let morning = token.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(60));
            morning.cancel();
        });
        let trainer = Trainer::from_detector(&detector, &night).with_cancel_token(token);
        let newer = Arc::new(trainer.with_progress_bar().fit(&today.into_train())?);
        stream.swap(newer.clone())?;
        println!("  {} went into service", &newer.fingerprint()[..8]);
        detector = newer;
    }
    Ok(())
}
