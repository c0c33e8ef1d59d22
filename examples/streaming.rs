//! A service that scores rows as they come, alarms, names channels, and is restarted.
//!
//! `cargo run --release --example streaming`

use std::path::Path;
use std::sync::Arc;

use aster::prelude::*;
use aster::train::{Found, OnLate, Regular};
use aster_examples::Fallible;

/// Milliseconds between rows.
const STEP: i64 = 1000;

fn main() -> Fallible<()> {
    let split = SyntheticConfig::default().generate()?;
    let device = device(DeviceChoice::Auto)?;
    let folder = Path::new("streaming-output");
    Detector::fit(&AsterConfig::default(), &split.train, &device)?.save(folder.join("detector"))?;

    let detector = Arc::new(Detector::load(folder.join("detector"), &device)?);
    let policy = StreamConfig {
        late: OnLate::Restart,
        regular: Some(Regular { step: STEP, fill: 5 }),
        ..Default::default()
    };
    let mut stream = StreamingDetector::new(detector.clone(), policy)?;
    println!("a score is final {} rows after its own at most", stream.latency());
    for row in 0..split.test.rows() {
        // A sensor that drops out now and then, and a few rows that are lost on the way.
        let mut values = split.test.row(row).to_vec();
        if row % 97 == 0 {
            values[0] = f32::NAN;
        }
        if row % 500 < 3 {
            continue;
        }
        report(&stream.push(&[Row { time: Some(STEP * row as i64), values: &values }])?);
        if row % 700 == 699 {
            stream.save(folder.join("stream"))?;
            stream = StreamingDetector::load(detector.clone(), folder.join("stream"))?;
            println!("restarted after row {row}");
        }
    }
    report(&stream.finish());
    println!("{:?}", stream.counts());
    Ok(())
}

fn report(found: &Found) {
    for alarm in &found.intervals {
        let times = alarm.times.map(|times| (times.start_time / STEP, times.last_time / STEP));
        println!("seconds {times:?}: peak {:.1}, severity {:.1}", alarm.peak_score, alarm.severity);
    }
}
