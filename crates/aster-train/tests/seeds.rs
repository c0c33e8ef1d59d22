//! Alone in its process, because seeds are a state of the whole process.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use aster_data::SyntheticConfig;
use aster_train::{AsterConfig, Detector, TrainConfig};
use burn::tensor::Device;

#[test]
fn a_seed_fixes_the_scores() {
    let data = SyntheticConfig { train_rows: 500, channels: 2, ..Default::default() };
    let split = data.generate().unwrap();
    let scores = |seed| {
        let train = TrainConfig { epochs: 2, steps: 5, batch: 8, seed, ..Default::default() };
        let config = AsterConfig { window: 16, train, ..Default::default() };
        let detector = Detector::fit(&config, &split.train, &Device::flex()).unwrap();
        detector.score(&split.test).unwrap()
    };
    let first = scores(1);
    assert_eq!(first, scores(1));
    assert_ne!(first, scores(2));
}
