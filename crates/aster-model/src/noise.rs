use std::ops::Range;

use aster_decoder::GeneratorNoise;
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};

use crate::config::{ModelConfig, Space};

/// Random numbers of a batch's loss.
///
/// They are drawn on the host, each window's from a generator of its own, so that a seed means the
/// same on every device and however the windows are dealt out to devices.
#[derive(Debug, Clone)]
pub struct Noise {
    /// Standard normal, `[B, L, Z]`: the codes that are reconstructed.
    pub posterior: Tensor<3>,
    /// Drawn by the config's sampler, `[B, L, Z]`: the codes of pseudo-anomalies.
    pub codes: Tensor<3>,
    /// Windows of `[L, F]`, with F values per token in the space of pseudo-anomalies.
    pub generator: GeneratorNoise,
}

impl Noise {
    /// Draws the noise of one window per key, on the host.
    pub fn draw(config: &ModelConfig, channels: usize, keys: &[RngKey], device: &Device) -> Self {
        let (b, l) = (keys.len(), config.tokens());
        let (z, f) = (config.vae.latent_size, config.generator_features(channels));
        let (mut posterior, mut codes) = (Vec::with_capacity(b * l * z), vec![]);
        let (mut normal, mut radii) = (Vec::with_capacity(b * l * f), vec![]);
        let mut gate = vec![];
        let gated = match config.space {
            Space::Patch => channels,
            Space::Latent => f,
        };
        for key in keys {
            let mut rng = key.rng();
            posterior.extend((0..l * z).map(|_| gaussian(&mut rng)));
            codes.extend((0..l * z).map(|_| config.sampler.noise(&mut rng)));
            normal.extend((0..l * f).map(|_| gaussian(&mut rng)));
            radii.push(config.generator.radius(&mut rng));
            if let Some(gates) = &config.generator.gates {
                gate.extend(gates.draw([l, f], gated, &mut rng));
            }
        }
        let tensor = |values: Vec<f32>, shape: [usize; 3]| {
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self {
            posterior: tensor(posterior, [b, l, z]),
            codes: tensor(codes, [b, l, z]),
            generator: GeneratorNoise {
                normal: tensor(normal, [b, l, f]),
                radii: tensor(radii, [b, 1, 1]),
                gate: config.generator.gates.as_ref().map(|_| tensor(gate, [b, l, f])),
            },
        }
    }

    /// Returns the noise of some of the windows.
    pub fn of(&self, windows: Range<usize>) -> Self {
        let part = |tensor: &Tensor<3>| tensor.clone().slice(windows.clone());
        let GeneratorNoise { normal, radii, gate } = &self.generator;
        Self {
            posterior: part(&self.posterior),
            codes: part(&self.codes),
            generator: GeneratorNoise {
                normal: part(normal),
                radii: part(radii),
                gate: gate.as_ref().map(part),
            },
        }
    }
}

fn gaussian(rng: &mut StdRng) -> f32 {
    StandardNormal.sample(rng)
}

/// Key of a stream of random numbers: other words, other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RngKey {
    /// The seed of the training.
    pub seed: u64,
    /// Epoch of the training, from 0, or another number for what lies outside of epochs.
    pub epoch: u64,
    /// Index of the window among those of an epoch.
    pub index: u64,
}

impl RngKey {
    /// Returns the generator at the beginning of the stream.
    pub fn rng(&self) -> StdRng {
        let mut bytes = [0; 32];
        for (part, word) in bytes.chunks_mut(8).zip([self.seed, self.epoch, self.index]) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        StdRng::from_seed(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(keys: &[RngKey]) -> Vec<f32> {
        let config = ModelConfig { window: 4, patch: Some(2), ..Default::default() };
        let Noise { posterior, codes, generator } = Noise::draw(&config, 3, keys, &Device::flex());
        assert_eq!(posterior.dims(), [keys.len(), 2, 16]);
        assert_eq!(codes.dims(), [keys.len(), 2, 16]);
        assert_eq!(generator.normal.dims(), [keys.len(), 2, 6]);
        assert_eq!(generator.radii.dims(), [keys.len(), 1, 1]);
        let parts = [posterior, codes, generator.normal, generator.radii];
        let rows = parts.map(|part| part.reshape([keys.len() as i32, -1]));
        Tensor::<2>::cat(rows.to_vec(), 1).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn noise_depends_on_its_key_alone() {
        let key = |seed, epoch, index| RngKey { seed, epoch, index };
        let keys = [key(0, 0, 0), key(0, 0, 1), key(0, 1, 0), key(1, 0, 0)];
        let together = draw(&keys);
        let alone: Vec<f32> = keys.iter().flat_map(|key| draw(&[*key])).collect();
        assert_eq!(together, alone);
        let rows: Vec<&[f32]> = together.chunks(together.len() / 4).collect();
        for (i, row) in rows.iter().enumerate() {
            assert!(rows[..i].iter().all(|other| other != row));
        }
    }
}
