//! What a seed fixes.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::thread;

use aster_data::{SyntheticConfig, SyntheticSplit};
use aster_detect::AsterConfig;
use aster_train::fit;
use burn::tensor::Device;

fn scores(split: &SyntheticSplit, seed: u64) -> Vec<f32> {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch) = (2, 5);
    (config.train.batch_size, config.train.seed) = (8, seed);
    let detector = fit(&config, &split.train, &Device::flex()).unwrap();
    detector.score(&split.test).unwrap()
}

#[test]
fn a_seed_fixes_the_scores_whatever_is_trained_at_once() {
    let data = SyntheticConfig { train_rows: 500, channels: 2, ..Default::default() };
    let split = &data.generate().unwrap();
    let seeds = [1, 2, 1, 3, 2, 1];
    let at_once = thread::scope(|scope| {
        let trainings = seeds.map(|seed| scope.spawn(move || scores(split, seed)));
        trainings.map(|training| training.join().unwrap())
    });
    let [one, two, three] = [1, 2, 3].map(|seed| scores(split, seed));
    assert_eq!(at_once.each_ref(), [&one, &two, &one, &three, &two, &one]);
    assert!(one != two && two != three);
}
