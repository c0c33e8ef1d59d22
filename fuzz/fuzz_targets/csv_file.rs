//! A CSV file from a stranger: an error or a finite series, never a panic.
#![no_main]

use aster_data::{LoadOptions, Loaded, MissingPolicy, RowOrder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.csv");
    std::fs::write(&path, text).expect("a file in it");
    let mut options = LoadOptions::default();
    options.missing = MissingPolicy::ForwardFill;
    options.csv.units = choice & 1 > 0;
    options.csv.header = (choice & 2 > 0).then_some(choice & 4 > 0);
    options.csv.decimal_comma = (choice & 8 > 0).then_some(choice & 16 > 0);
    options.csv.skip_lines = (choice & 32 > 0).then_some(1);
    if choice & 64 > 0 {
        options.order = RowOrder::Sort;
    }
    options.columns.zone = (choice & 128 > 0).then(|| "America/New_York".into());
    if let Ok(loaded) = Loaded::from_csv(&path, &options) {
        assert!(loaded.series.values().iter().all(|value| value.is_finite()));
        assert_eq!(loaded.report.rows, loaded.series.rows());
        assert!(!loaded.report.to_string().is_empty());
    }
});
