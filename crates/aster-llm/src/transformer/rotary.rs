use std::f64::consts::PI;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{DType, Device, Tensor};

use crate::transformer::config::{LlmConfig, RopeScaling};

/// Rotary position code (Su et al. 2021) in the half-split layout of Hugging Face weights.
#[derive(Clone)]
pub(crate) struct Rotary {
    /// Cosines and sines, each `[1, 1, L, head width]`.
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rotary {
    fn new(config: &LlmConfig, length: usize, device: &Device, dtype: DType) -> Self {
        let (frequencies, scale) = frequencies(config);
        let width = 2 * frequencies.len();
        let table = |f: fn(f64) -> f64| {
            let at = |i: usize| {
                let angle = (i / width) as f64 * frequencies[i % width % frequencies.len()];
                (scale * f(angle)) as f32
            };
            let values: Vec<f32> = (0..length * width).map(at).collect();
            let table = Tensor::<1>::from_floats(values.as_slice(), device).cast(dtype);
            table.reshape([1, 1, length, width])
        };
        Self { cos: table(f64::cos), sin: table(f64::sin) }
    }

    /// `[B, heads, L, head width]` to the same.
    pub(crate) fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let (first, second) = (x.clone().narrow(3, 0, half), x.clone().narrow(3, half, half));
        let turned = Tensor::cat(vec![second.neg(), first], 3);
        x * self.cos.clone() + turned * self.sin.clone()
    }
}

/// Tables of the last pass, for the next one of the same length, device and number format.
#[derive(Clone, Default)]
pub(crate) struct RotaryCache(Arc<Mutex<Option<(Key, Rotary)>>>);

type Key = (usize, Device, DType);

impl RotaryCache {
    pub(crate) fn get(&self, config: &LlmConfig, of: Key) -> Rotary {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some((key, rotary)) if *key == of => rotary.clone(),
            _ => {
                let rotary = Rotary::new(config, of.0, &of.1, of.2);
                *cached = Some((of, rotary.clone()));
                rotary
            }
        }
    }
}

impl fmt::Debug for RotaryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotaryCache")
    }
}

/// Radians per position of each pair, and the factor on cosines and sines.
fn frequencies(config: &LlmConfig) -> (Vec<f64>, f64) {
    let (half, theta) = (config.head_width() / 2, config.rope_theta);
    let base = (0..half).map(|pair| theta.powf(-(pair as f64) / half as f64));
    match config.rope_scaling {
        RopeScaling::None => (base.collect(), 1.0),
        RopeScaling::Linear { factor } => (base.map(|f| f / factor).collect(), 1.0),
        RopeScaling::Llama3 { factor, low, high, original } => {
            let scale = |f: f64| {
                let waves = original * f / (2.0 * PI);
                let keep = ((waves - low) / (high - low)).clamp(0.0, 1.0);
                f * (keep + (1.0 - keep) / factor)
            };
            (base.map(scale).collect(), 1.0)
        }
        RopeScaling::Yarn { factor, fast, slow, original, attention } => {
            // The pair that turns so many times over the original context.
            let pair = |turns: f64| half as f64 * (original / (turns * 2.0 * PI)).ln() / theta.ln();
            let low = pair(fast).floor().max(0.0);
            let high = pair(slow).ceil().min(2.0 * half as f64 - 1.0);
            let high = if low == high { high + 0.001 } else { high };
            let scale = |(pair, f): (usize, f64)| {
                let stretch = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                f * (1.0 - stretch + stretch / factor)
            };
            (base.enumerate().map(scale).collect(), attention)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_made_anew_for_another_length_or_format_only() {
        let (config, device) = (LlmConfig::default(), Device::flex());
        let cache = RotaryCache::default();
        let of = |length, dtype| cache.get(&config, (length, device.clone(), dtype));
        let made =
            || cache.0.lock().unwrap().as_ref().map(|((length, _, dtype), _)| (*length, *dtype));
        assert_eq!(of(4, DType::F32).cos.dims()[2], 4);
        assert_eq!(made(), Some((4, DType::F32)));
        assert_eq!(of(6, DType::F32).cos.dims()[2], 6);
        assert_eq!(of(6, DType::F16).cos.dtype(), DType::F16);
        let (first, again) = (of(5, DType::F32), of(5, DType::F32));
        assert_eq!(first.sin.into_data(), again.sin.into_data());
        assert_eq!(made(), Some((5, DType::F32)));
    }
}
