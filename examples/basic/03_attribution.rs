//! Which channels contribute to an alarm, by each method of attribution.
//!
//! `cargo run --release --example attribution`

use aster::detect::Contribution;
use aster::prelude::*;

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig::default().generate()?;
    let device = device(DeviceChoice::Auto)?;
    let detector = fit(&AsterConfig::default(), &split.train, &device)?;
    for alarm in &detector.detect(&split.test)?.alarms {
        let rows = alarm.rows();
        println!("{alarm}");
        for method in
            [Attribution::Reconstruction, Attribution::Occlusion, Attribution::GradientInput]
        {
            let contributions = detector.attribute(&split.test, rows.clone(), method)?;
            let first: Vec<String> =
                contributions.iter().take(3).map(Contribution::to_string).collect();
            println!("  {method:?}: {}", first.join(", "));
        }
        let overlaps =
            |other: &std::ops::Range<usize>| other.start < rows.end && rows.start < other.end;
        for injection in split.injections.iter().filter(|injection| overlaps(&injection.rows)) {
            let channels: Vec<&str> =
                injection.channels.iter().map(|c| &*split.test.channels()[*c]).collect();
            println!("  in truth: {:?} in {}", injection.kind, channels.join(", "));
        }
    }
    Ok(())
}
