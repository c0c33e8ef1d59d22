//! The metrics at 100 thousand timestamps with 1 % anomalies.

#![allow(missing_docs)]

use aster::eval::{auroc, average_precision, best_f1, volume_under_surface};
use criterion::{Criterion, criterion_group, criterion_main};

fn metrics(criterion: &mut Criterion) {
    // A multiplicative hash stands in for random scores.
    let hash = |i: u32| (i.wrapping_mul(2_654_435_761) >> 8) as f32;
    let scores: Vec<f32> = (0..100_000).map(hash).collect();
    let labels: Vec<bool> = (0..100_000).map(|i| i % 5000 < 50).collect();
    criterion.bench_function("AUROC", |b| b.iter(|| auroc(&scores, &labels)));
    criterion.bench_function("AUPR", |b| b.iter(|| average_precision(&scores, &labels)));
    criterion.bench_function("best F1", |b| b.iter(|| best_f1(&scores, &labels)));
    criterion.bench_function("VUS, 100 buffers", |b| {
        b.iter(|| volume_under_surface(&scores, &labels, 100));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = metrics
}
criterion_main!(benches);
