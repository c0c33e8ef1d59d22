use std::ops::Range;

use aster_data::{TimeSeries, Windows};
use aster_model::{Codes, Noise, RngKey};
use burn::tensor::{Tensor, TensorData};

use crate::detector::Detector;
use crate::error::DetectError;

/// Latent codes of some of a series' tokens, each with Z values: what a picture of the latent
/// space is made of. The three lists are of the same tokens.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LatentCodes {
    /// Latent size Z.
    pub latent_size: usize,
    /// Rows of each token.
    pub rows: Vec<Range<usize>>,
    /// Codes of the windows as they are, `[tokens, Z]`.
    pub real: Vec<f32>,
    /// Codes of their reconstructions, `[tokens, Z]`.
    pub reconstructed: Vec<f32>,
    /// Codes of pseudo-anomalies made of them, `[tokens, Z]`.
    pub pseudo: Vec<f32>,
}

impl Detector {
    /// Encodes windows of a series, evenly spaced and `windows` of them at most, their
    /// reconstructions, and pseudo-anomalies made of them, as posterior means.
    ///
    /// # Errors
    /// Other channels than those trained on.
    pub fn latent_codes(
        &self,
        series: &TimeSeries,
        windows: usize,
        seed: u64,
    ) -> Result<LatentCodes, DetectError> {
        let (config, scaled) = (&self.config().model, self.trained.scale(series)?);
        let (rows, c) = (scaled.rows(), scaled.channel_count());
        let layout = Windows::new(config.window, 1)?;
        let numbers = layout.spaced(rows, windows);
        let (latent_size, patch) = (config.vae.latent_size, config.patch_length());
        let mut codes = LatentCodes {
            latent_size,
            rows: vec![],
            real: vec![],
            reconstructed: vec![],
            pseudo: vec![],
        };
        for batch in numbers.chunks(self.config().score.batch_size) {
            let key = |window: &usize| RngKey { seed, epoch: 0, index: *window as u64 };
            let keys: Vec<RngKey> = batch.iter().map(key).collect();
            let device = &self.trained.device;
            let noise = Noise::draw(config, c, &keys, device);
            let data =
                TensorData::new(layout.of_series(&scaled, batch), [batch.len(), config.window, c]);
            let Codes { real, reconstructed, pseudo } =
                self.model().codes(Tensor::from_data(data, device), noise);
            let append = |to: &mut Vec<f32>, codes: Tensor<3>| {
                to.extend(codes.into_data().iter::<f32>());
            };
            append(&mut codes.real, real);
            append(&mut codes.reconstructed, reconstructed);
            append(&mut codes.pseudo, pseudo);
            let tokens = batch.iter().flat_map(|window| {
                let start = layout.start(*window, rows);
                (0..config.tokens()).map(move |token| start + token * patch)
            });
            // A series shorter than a window is padded.
            let within = |row: usize| row.min(rows);
            codes.rows.extend(tokens.map(|first| within(first)..within(first + patch)));
        }
        Ok(codes)
    }
}
