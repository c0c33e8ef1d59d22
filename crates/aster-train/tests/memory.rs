//! The memory that a stream is said to take is what it takes. Alone in its process: it counts what
//! the process allocates.

use std::alloc::System;
use std::sync::{Arc, Mutex, PoisonError};

use aster_base::Configure;
use aster_data::SyntheticConfig;
use aster_detect::{AsterConfig, Regular, Row, Scored, StreamConfig, StreamingDetector};
use burn::tensor::Device;
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// One after the other: what the process allocates is counted for all threads.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn a_long_gap_is_filled_without_keeping_its_rows() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let data = SyntheticConfig { train_rows: 600, channels: 64, ..Default::default() };
    let split = data.generate().unwrap();
    let mut config = AsterConfig::default();
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) = (1, 2, 16);
    config.score.batch_size = 8;
    let detector = Arc::new(aster_train::fit(&config, &split.train, &Device::flex()).unwrap());
    let regular = Some(Regular { step: 1, fill: 1 << 16 });
    let policy = StreamConfig::with(|it| it.regular = regular);
    let mut stream = StreamingDetector::new(detector, policy).unwrap();
    stream.push(&[Row::new(0, split.test.row(0))]).unwrap();
    // Scores alone, and twice of them while their list grows.
    let bound = 3 * (1 << 16) * size_of::<Scored>() + (4 << 20);
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + bound).unwrap();
    let found = stream.push(&[Row::new(1 << 16, split.test.row(1))]).unwrap();
    ALLOCATOR.set_limit(usize::MAX).unwrap();
    assert!(found.scores.len() > 65_000, "{}", found.scores.len());
    // All rows of the gap at once would take more than that.
    assert!(bound < (1 << 16) * 64 * size_of::<f32>());
}

#[test]
fn a_stream_takes_the_memory_that_is_stated_and_no_more() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let data = SyntheticConfig { train_rows: 600, channels: 4, ..Default::default() };
    let split = data.generate().unwrap();
    let mut config = AsterConfig::default();
    (config.model.window, config.score.stride) = (16, Some(8));
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) = (1, 5, 16);
    let detector = Arc::new(aster_train::fit(&config, &split.train, &Device::flex()).unwrap());
    let rows = |count: usize| -> Vec<Row<'_>> {
        (0..count).map(|row| Row::new(None, split.test.row(row % split.test.rows()))).collect()
    };
    // Once beforehand, for what the network allocates at its first run.
    let mut stream = StreamingDetector::new(detector.clone(), StreamConfig::default()).unwrap();
    let (single, many) = (rows(1), rows(4000));
    stream.push(&many).unwrap();
    drop(stream);

    for history in [0, 64, 1000] {
        let config = StreamConfig::with(|it| it.history = history);
        let bound = detector.stream_memory(&config);
        let before = ALLOCATOR.allocated();
        let mut stream = StreamingDetector::new(detector.clone(), config).unwrap();
        for push in 0..3000 {
            drop(stream.push(if push % 700 == 699 { &many } else { &single }).unwrap());
            assert!(stream.memory() <= bound, "{} of {bound} bytes", stream.memory());
        }
        let allocated = ALLOCATOR.allocated() - before;
        let stated = stream.memory();
        println!("history {history}: {allocated} bytes allocated, {stated} stated, bound {bound}");
        assert!(allocated <= stated, "{allocated} of {stated} bytes");
        assert!(bound < 3 * stated, "the bound says something: {bound} for {stated}");
    }
}
