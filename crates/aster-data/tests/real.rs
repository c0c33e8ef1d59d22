//! The catalogue on the real files, where they are.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::path::PathBuf;

use aster_data::{Dataset, DatasetId};

fn folder(id: DatasetId) -> Option<PathBuf> {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = PathBuf::from(shared).join(id.name().to_lowercase());
    if !folder.is_dir() {
        println!("skipped: {id} is not at {}", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn every_set_at_hand_is_a_known_version() {
    for (id, version, tasks, tests, anomalous) in [
        (DatasetId::Asd, "InterFusion, 12 servers", 12, 12, 0.046),
        (DatasetId::Skab, "v0.9, 34 tests", 1, 34, 0.349),
        (DatasetId::Msl, "27 channels joined", 1, 1, 0.105),
        (DatasetId::Smd, "six machines", 6, 6, 0.06),
    ] {
        let Some(folder) = folder(id) else { continue };
        let dataset = Dataset::open(id, folder).unwrap();
        assert_eq!((dataset.version.as_str(), dataset.tasks.len()), (version, tasks));
        assert_eq!(dataset.tasks.iter().map(|t| t.tests.len()).sum::<usize>(), tests);
        let labels = || {
            let tests = dataset.tasks.iter().flat_map(|task| &task.tests);
            tests.flat_map(|test| test.series.labels().unwrap())
        };
        let share = labels().filter(|l| **l).count() as f64 / labels().count() as f64;
        assert!((share - anomalous).abs() < 0.02, "{id}: {share} of the test rows is anomalous");
    }
}
