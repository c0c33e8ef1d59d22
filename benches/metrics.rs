//! The metrics at a million timestamps.

#![allow(missing_docs)]

use aster::eval::{
    RangeConfig, ThresholdRule, affiliation, auroc, average_precision, best_f1, f1_at,
    range_precision_recall, volume_under_surface,
};
use aster_benches::{scored, sized};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn metrics(criterion: &mut Criterion) {
    let points = sized(1_000_000, 20_000);
    let (scores, labels) = scored(points);
    let threshold = 1.6e7; // a twentieth of the scores reach it
    let mut group = criterion.benchmark_group("metrics");
    group.throughput(Throughput::Elements(points as u64));
    group.bench_function("AUROC", |b| b.iter(|| auroc(&scores, &labels)));
    group.bench_function("AUPR", |b| b.iter(|| average_precision(&scores, &labels)));
    group.bench_function("best F1", |b| b.iter(|| best_f1(&scores, &labels)));
    group.bench_function("F1", |b| b.iter(|| f1_at(&scores, &labels, threshold)));
    let ranges = RangeConfig::default();
    group.bench_function("range-based", |b| {
        b.iter(|| range_precision_recall(&scores, &labels, threshold, &ranges));
    });
    group.bench_function("affiliation", |b| b.iter(|| affiliation(&scores, &labels, threshold)));
    group.bench_function("VUS, 100 buffers", |b| {
        b.iter(|| volume_under_surface(&scores, &labels, 100));
    });
    for rule in [
        ThresholdRule::Mad { k: 3.0 },
        ThresholdRule::Pot { initial: 0.98, risk: 1e-3 },
        ThresholdRule::FalseAlarmRate { rate: 0.01 },
    ] {
        group.bench_function(format!("{rule:?}"), |b| b.iter(|| rule.fit(&scores)));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = metrics
}
criterion_main!(benches);
