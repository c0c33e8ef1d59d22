//! Files from strangers: an error or a series, never a panic.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch};
use aster_base::Configure;
use aster_data::{Columns, CsvFormat, LoadOptions, MissingPolicy, ParquetRows, TimeSeries};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn options() -> LoadOptions {
    let columns = Columns::with(|it| (it.time, it.label) = (Some("t".into()), Some("y".into())));
    LoadOptions::with(|it| (it.columns, it.missing) = (columns, MissingPolicy::ForwardFill))
}

fn write_parquet(path: &Path, compression: Compression) {
    let columns: [(&str, ArrayRef); 4] = [
        ("t", Arc::new(Int64Array::from_iter_values(0..50))),
        ("a", Arc::new(Float32Array::from_iter_values((0..50).map(|i| i as f32 / 3.0)))),
        (
            "b",
            Arc::new(
                (0..50).map(|i| (i % 7 != 0).then_some(f64::from(i))).collect::<Float64Array>(),
            ),
        ),
        ("y", Arc::new(Int32Array::from_iter_values((0..50).map(|i| i % 2)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_compression(compression);
    let properties = properties.set_max_row_group_row_count(Some(20)).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Flips, cuts, repeats and overwrites bytes.
fn damage(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match rng.random_range(0..4) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80][rng.random_range(0..4)],
            2 => {
                let end = (at + rng.random_range(1..9)).min(bytes.len());
                bytes[at..end].fill(rng.random());
            }
            _ => bytes.truncate(bytes.len() - bytes.len() / 50 * rng.random_range(0..2)),
        }
    }
}

/// Damaged files of each kind; `ASTER_FUZZ=100000` for a longer run.
fn runs() -> u64 {
    std::env::var("ASTER_FUZZ").map_or(1500, |runs| runs.parse().unwrap())
}

fn check(series: Result<TimeSeries, aster_data::DataError>) -> bool {
    let finite = |series: &TimeSeries| series.values().iter().all(|value| value.is_finite());
    series.is_ok_and(|series| {
        assert!(finite(&series));
        true
    })
}

#[test]
fn damaged_parquet_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        write_parquet(&path, compression);
        let whole = std::fs::read(&path).unwrap();
        let mut read = 0;
        for seed in 0..runs() {
            let (mut bytes, mut rng) = (whole.clone(), StdRng::seed_from_u64(seed));
            damage(&mut bytes, &mut rng);
            std::fs::write(&path, bytes).unwrap();
            read += usize::from(check(TimeSeries::from_parquet(&path, &options())));
            if let Ok(rows) =
                ParquetRows::open(&path, &["a".into(), "b".into()], &Columns::default())
                && rows.rows() > 0
            {
                let _ = rows.read(0..rows.rows().min(30));
            }
        }
        println!("{read} of {} were readable", runs());
    }
}

#[test]
fn damaged_csv_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let row = |i: i32| {
        let b = if i % 7 == 0 { String::new() } else { format!("{}.0", i) };
        format!("{i},{},{b},{}\n", i as f32 / 3.0, i % 2)
    };
    let whole = format!("t,a,b,y\n{}", (0..50).map(row).collect::<String>()).into_bytes();
    for seed in 0..runs() {
        let (mut bytes, mut rng) = (whole.clone(), StdRng::seed_from_u64(seed));
        damage(&mut bytes, &mut rng);
        std::fs::write(&path, bytes).unwrap();
        check(TimeSeries::from_csv(&path, &options()));
    }
}

fn csv(path: &Path, text: &[u8], format: CsvFormat) -> Result<TimeSeries, aster_data::DataError> {
    std::fs::write(path, text).unwrap();
    TimeSeries::from_csv(path, &LoadOptions::with(|it| it.csv = format))
}

proptest! {
    #[test]
    fn any_text_as_csv(
        text in prop::collection::vec("[-0-9a-zé.,;\" \\n\\r\\t]{0,12}", 0..30),
        header: bool,
        decimal_comma: bool,
        skip_lines in 0usize..4,
        delimiter in prop::sample::select(vec![',', ';', '\t', '"', '\n', 'é']),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let format = CsvFormat::with(|it| {
            (it.delimiter, it.decimal_comma) = (Some(delimiter), Some(decimal_comma));
            (it.header, it.skip_lines) = (Some(header), Some(skip_lines));
        });
        check(csv(&folder.path().join("x.csv"), text.join("\n").as_bytes(), format));
    }

    #[test]
    fn any_bytes_as_csv(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().unwrap();
        check(csv(&folder.path().join("x.csv"), &bytes, CsvFormat::default()));
    }
}
