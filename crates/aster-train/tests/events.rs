//! What a training tells `tracing`.
//!
//! Alone in its process: `tracing` remembers for all threads that nobody listens to an event, if
//! a test beside this one is the first to reach it.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use aster_data::SyntheticConfig;
use aster_detect::{AsterConfig, EpochRecord};
use aster_train::{Observer, Strategy, Trainer};
use burn::tensor::Device;

/// What is written to it can be read by whoever has a clone.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct StopAfter(usize);

impl Observer for StopAfter {
    fn epoch(&mut self, record: &EpochRecord) -> ControlFlow<()> {
        match record.epoch < self.0 {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

#[test]
fn events_tell_of_epochs_damage_and_resumption() {
    let data = SyntheticConfig { train_rows: 400, channels: 2, ..Default::default() };
    let series = data.generate().unwrap().train;
    let mut config = AsterConfig::default();
    config.model.window = 8;
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) = (12, 4, 16);
    (config.train.patience, config.train.validation_windows) = (None, 16);

    let (folder, log) = (tempfile::tempdir().unwrap(), Log::default());
    let checkpoints = folder.path().join("checkpoints");
    let trainer = || {
        Trainer::new(config.clone(), Strategy::Single(Device::flex().autodiff()))
            .with_checkpoints(&checkpoints)
    };
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        trainer().with_observer(StopAfter(3)).fit(&series).unwrap();
        std::fs::write(checkpoints.join("epoch-3/manifest.json"), "gone").unwrap();
        trainer().fit(&series).unwrap();
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("epoch done"), 3 + 10, "{log}");
    assert_eq!((lines("a checkpoint is damaged"), lines("training goes on epoch=2")), (1, 1));
    assert!(log.lines().all(|line| line.contains("fit{rows=400 channels=2}")), "{log}");
}
