//! Scores do not depend on the unit of a channel, or on what is added to it.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use aster_data::{SyntheticConfig, TimeSeries, TrainSeries};
use aster_detect::AsterConfig;
use aster_train::fit;
use burn::tensor::Device;

fn scores(train: &TrainSeries, test: &TimeSeries) -> Vec<f32> {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch) = (1, 10);
    fit(&config, train, &Device::flex()).unwrap().score(test).unwrap()
}

#[test]
fn scores_keep_when_a_channel_has_another_unit_or_offset() {
    let config = SyntheticConfig {
        channels: 3,
        train_rows: 600,
        test_rows: 400,
        anomalies: 3,
        ..Default::default()
    };
    let split = config.generate().unwrap();
    let expected = scores(&split.train, &split.test);
    // Of each channel another one, and the digits that a double has left beside the offset.
    type Change = fn(f64) -> f64;
    let cases: [([Change; 3], f32); 3] = [
        ([|x| x * 1_048_576.0, |x| x / 1_048_576.0, |x| x * 0.5], 0.0),
        ([|x| x * 1e6, |x| x * 1e-6, |x| 7.0 * x], 1e-2),
        ([|x| x + 1e9, |x| x - 1e9, |x| 1e-6 * x + 1e3], 1e-2),
    ];
    for (change, tolerance) in cases {
        let moved = |series: &TimeSeries| {
            let row = |row: usize| -> Vec<f64> {
                series.row(row).iter().zip(&change).map(|(value, change)| change(*value)).collect()
            };
            let rows: Vec<Vec<f64>> = (0..series.rows()).map(row).collect();
            TimeSeries::from_rows(series.channels().to_vec(), &rows).unwrap()
        };
        let found = scores(&moved(&split.train).into_train(), &moved(&split.test));
        for (found, expected) in found.iter().zip(&expected) {
            let near = (found - expected).abs() <= tolerance * (1.0 + expected.abs());
            assert!(near, "{found} instead of {expected}");
        }
    }
}
