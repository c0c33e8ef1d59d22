//! Pseudo-anomalies of your own: here steps that start somewhere in the window, in channels that
//! the decoder learns to choose.
//!
//! `cargo run --release --example custom_generator`

use anyhow::Context;
use aster::burn::tensor::Tensor;
use aster::burn::tensor::activation::sigmoid;
use aster::decoder::{Generator, GeneratorNoise};
use aster::detect::CustomComponents;
use aster::prelude::*;

/// From a random token on, every channel is moved up or down, by the window's radius times what
/// the decoder chooses from 0.5 to 1.5. If it could choose 0, the reversed gradient would, and
/// there would be nothing to learn.
#[derive(Debug)]
struct Steps {
    channels: usize,
}

impl Generator for Steps {
    fn name(&self) -> &str {
        "steps"
    }

    fn generate(
        &self,
        windows: Tensor<3>,
        direction: Tensor<3>,
        noise: &GeneratorNoise,
    ) -> Tensor<3> {
        let ([b, l, f], device) = (windows.dims(), windows.device());
        let (patch, c) = (f / self.channels, self.channels);
        // 1 in tokens that come after one that is drawn: the position of the largest noise.
        let first = noise.normal.clone().narrow(2, 0, 1).argmax(1).float().expand([b, l, f]);
        let numbers: Vec<f32> = (0..l).map(|token| token as f32).collect();
        let tokens = Tensor::<1>::from_floats(numbers.as_slice(), &device);
        let after = tokens.reshape([1, l, 1]).expand([b, l, f]).greater_equal(first).float();
        // One sign and one factor per window and channel, the same in all its rows.
        let sign = noise.normal.clone().narrow(1, 0, 1).narrow(2, 0, c).sign();
        let factor = sigmoid(direction.narrow(1, 0, 1).narrow(2, 0, c)) + 0.5;
        let height = sign * factor * noise.radii.clone();
        windows + after * height.repeat(&[1, l, patch])
    }
}

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig::default().generate()?;
    let labels = split.test.labels().context("no labels")?;
    let device = device(DeviceChoice::Auto)?;
    let config = AsterConfig::default();
    let generator = Steps { channels: split.train.channel_count() };
    let steps = CustomComponents::default().with_generator(generator);
    let usual = CustomComponents::default();
    for (name, components) in [("the usual generator", usual), ("steps", steps)] {
        let strategy = Strategy::Single(device.clone().autodiff());
        let trainer = Trainer::new(config.clone(), strategy).with_components(components);
        let detector = trainer.fit(&split.train)?;
        let last = detector.record().epochs.last().context("no epoch")?.validation;
        println!(
            "{name}: AUROC {:.3}; the classifier loses {:.3} nats and tells them apart by {:.1} logits",
            auroc(&detector.score(&split.test)?, labels)?,
            last.classification,
            last.separation
        );
    }
    Ok(())
}
