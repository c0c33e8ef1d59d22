//! Which channels are to blame for an alarm, by each way of saying so.
//!
//! `cargo run --release --example blame`

use aster::prelude::*;
use aster::train::Blame;

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig::default().generate()?;
    let device = device(DeviceChoice::Auto)?;
    let detector = Detector::fit(&AsterConfig::default(), &split.train, &device)?;
    let found = detector.detect(&split.test)?;
    for alarm in &found.intervals {
        let rows = alarm.start..alarm.end;
        println!("rows {rows:?}");
        for attribution in
            [Attribution::Reconstruction, Attribution::Occlusion, Attribution::GradientInput]
        {
            let blames = detector.blame(&split.test, rows.clone(), attribution)?;
            let told: Vec<String> = blames.iter().take(3).map(Blame::to_string).collect();
            println!("  {attribution:?}: {}", told.join(", "));
        }
        let overlaps =
            |rows: &std::ops::Range<usize>| rows.start < alarm.end && alarm.start < rows.end;
        for injection in split.injections.iter().filter(|injection| overlaps(&injection.rows)) {
            let channels: Vec<&str> =
                injection.channels.iter().map(|c| &*split.test.channels()[*c]).collect();
            println!("  in truth: {:?} in {}", injection.kind, channels.join(", "));
        }
    }
    Ok(())
}
