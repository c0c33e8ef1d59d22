//! Saves a detector and loads it again; ends a training early and goes on with it.
//!
//! `cargo run --release --example save_load`
//!
//! Ctrl-C ends the second training: its best epoch so far is saved, and the same command goes
//! on from its checkpoints.

use std::path::Path;

use aster::prelude::*;
use aster::train::{Stop, Strategy, Trainer};

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let device = device(DeviceChoice::Auto)?;
    let folder = Path::new("save-load-output");

    let mut config = AsterConfig::default();
    config.train.epochs = 2;
    let detector = Detector::fit(&config, &split.train, &device)?;
    detector.save(folder.join("detector"))?;
    let loaded = Detector::load(folder.join("detector"), &device)?;
    let same = loaded.score(&split.test)? == detector.score(&split.test)?;
    println!("the loaded detector gives the same scores: {same}");
    println!("its config: {}", serde_json::to_string(loaded.config())?);

    config.train.epochs = 8;
    config.train.progress = true;
    config.train.checkpoints = Some(folder.join("checkpoints"));
    let trainer = Trainer::new(config, Strategy::Single(device.autodiff()));
    let longer = trainer.stopped_by(Stop::on_ctrl_c()?).fit(&split.train)?;
    let record = longer.record();
    println!("{} epochs, of which {} was the best", record.epochs.len(), record.best_epoch);
    longer.save(folder.join("detector"))?;
    println!("it is in {}", folder.join("detector").display());
    Ok(())
}
