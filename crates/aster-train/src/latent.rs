use std::ops::Range;

use aster_data::{TimeSeries, Windows};
use burn::tensor::Tensor;

use crate::batch::gather;
use crate::{Codes, Detector, Key, Noise, TrainError};

/// Codes of some of a series' tokens, each with Z values: what a picture of the latent space is
/// made of. The three lists are of the same tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentCodes {
    /// Values Z per code.
    pub latent: usize,
    /// The rows of each token.
    pub rows: Vec<Range<usize>>,
    /// `[tokens, Z]`, of the windows as they are.
    pub real: Vec<f32>,
    /// `[tokens, Z]`, of their reconstructions.
    pub reconstructed: Vec<f32>,
    /// `[tokens, Z]`, of pseudo-anomalies made of them.
    pub pseudo: Vec<f32>,
}

impl Detector {
    /// Where the encoder puts windows of a series, evenly spaced and `windows` of them at most,
    /// what the decoder makes of them, and pseudo-anomalies of them: posterior means.
    ///
    /// # Errors
    /// Other channels than those trained on.
    pub fn latent_codes(
        &self,
        series: &TimeSeries,
        windows: usize,
        seed: u64,
    ) -> Result<LatentCodes, TrainError> {
        let (config, scaled) = (self.config(), self.scaler.transform(series)?);
        let all = Windows::new(scaled.rows(), config.window, 1)?;
        let count = windows.clamp(1, all.count());
        let numbers: Vec<usize> = (0..count).map(|i| i * all.count() / count).collect();
        let (latent, patch) = (config.vae.latent, config.patch);
        let mut codes = LatentCodes {
            latent,
            rows: vec![],
            real: vec![],
            reconstructed: vec![],
            pseudo: vec![],
        };
        for batch in numbers.chunks(config.score.batch) {
            let key = |window: &usize| Key { seed, round: 0, place: *window as u64 };
            let keys: Vec<Key> = batch.iter().map(key).collect();
            let noise = Noise::draw(config, series.channel_count(), &keys, &self.device);
            let Codes { real, reconstructed, pseudo } =
                self.model.codes(gather(&scaled, &all, batch, &self.device), noise);
            let append = |to: &mut Vec<f32>, codes: Tensor<3>| {
                to.extend(codes.into_data().iter::<f32>());
            };
            append(&mut codes.real, real);
            append(&mut codes.reconstructed, reconstructed);
            append(&mut codes.pseudo, pseudo);
            let tokens = batch.iter().flat_map(|window| {
                let start = all.start(*window);
                (0..config.tokens()).map(move |token| start + token * patch)
            });
            // A series shorter than a window is padded.
            let within = |row: usize| row.min(series.rows());
            codes.rows.extend(tokens.map(|first| within(first)..within(first + patch)));
        }
        Ok(codes)
    }
}
