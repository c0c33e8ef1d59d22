//! From files to windows: a million rows of 50 columns.

#![allow(clippy::expect_used, missing_docs)]

use aster::data::{LoadOptions, OverlapMean, Scaler, ScalerConfig, TimeSeries, Windows};
use aster_benches::{scored, sized};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const COLUMNS: usize = 50;

fn loading(criterion: &mut Criterion) {
    let rows = sized(1_000_000, 2_000);
    let (values, _) = scored(rows);
    let rows_of_values: Vec<f32> = values.iter().flat_map(|it| [*it; COLUMNS]).collect();
    let series = TimeSeries::from_slice(&rows_of_values, COLUMNS).expect("whole rows");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (csv, parquet) = (folder.path().join("x.csv"), folder.path().join("x.parquet"));
    series.write_csv(&csv).expect("it is written");
    series.write_parquet(&parquet).expect("it is written");

    let mut group = criterion.benchmark_group("loading");
    group.throughput(Throughput::Elements(rows as u64));
    let options = LoadOptions::default();
    group.bench_function("CSV", |b| b.iter(|| TimeSeries::from_csv(&csv, &options)));
    group.bench_function("Parquet", |b| b.iter(|| TimeSeries::from_parquet(&parquet, &options)));
}

fn preparing(criterion: &mut Criterion) {
    let rows = sized(1_000_000, 2_000);
    let values = scored(rows * COLUMNS).0;
    let series = TimeSeries::from_slice(&values, COLUMNS).expect("whole rows").into_train();
    let mut group = criterion.benchmark_group("preparing");
    group.throughput(Throughput::Elements(rows as u64));
    let config = ScalerConfig::default();
    group.bench_function("fit a scaler", |b| b.iter(|| Scaler::fit(&config, &series)));
    let scaler = Scaler::fit(&config, &series);
    let scaled = scaler.transform(&series).expect("the same channels");
    group.bench_function("scale", |b| b.iter(|| scaler.transform(&series)));
    let windows = Windows::new(32, 8).expect("valid windows");
    group.bench_function("cut into windows of 32, 8 apart, and average back", |b| {
        b.iter(|| {
            let (mut means, mut buffer) = (OverlapMean::default(), Vec::new());
            for window in 0..windows.count(rows) {
                buffer.clear();
                let start = windows.start(window, rows);
                windows.gather(&scaled.values()[start * COLUMNS..], COLUMNS, &mut buffer);
                let first = buffer.iter().step_by(COLUMNS).copied().collect::<Vec<f32>>();
                means.add(start, 1, &first);
            }
            means.take(rows)
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = loading, preparing
}
criterion_main!(benches);
