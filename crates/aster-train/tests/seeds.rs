//! Alone in its process, because seeds are a state of the whole process.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use aster_data::SyntheticConfig;
use aster_detect::AsterConfig;
use aster_train::fit;
use burn::tensor::Device;

#[test]
fn a_seed_fixes_the_scores() {
    let data = SyntheticConfig { train_rows: 500, channels: 2, ..Default::default() };
    let split = data.generate().unwrap();
    let scores = |seed| {
        let mut config = AsterConfig::default();
        config.model.window = 16;
        (config.train.epochs, config.train.steps_per_epoch) = (2, 5);
        (config.train.batch_size, config.train.seed) = (8, seed);
        let detector = fit(&config, &split.train, &Device::flex()).unwrap();
        detector.score(&split.test).unwrap()
    };
    let first = scores(1);
    assert_eq!(first, scores(1));
    assert_ne!(first, scores(2));
}
