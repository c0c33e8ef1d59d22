use aster_base::{SettingError, Within, at_least_one, require};
use aster_classifier::{GradeScale, HeadConfig};
use aster_decoder::{CodeSampler, DecoderConfig, GeneratorConfig};
use aster_llm::ContextConfig;
use aster_vae::VaeConfig;
use serde::{Deserialize, Serialize};

/// Hyperparameters of the network: everything that decides which weights there are and what is
/// computed with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelConfig {
    /// Window length T in rows. Default: 32.
    pub window: usize,
    /// Patch length P in rows, a divisor of the window. Default: the largest one up to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<usize>,
    /// Patch embedding and language model.
    pub context: ContextConfig,
    /// Variational encoder and prior.
    pub vae: VaeConfig,
    /// Transformer decoder.
    pub decoder: DecoderConfig,
    /// Latent codes of pseudo-anomalies.
    pub sampler: CodeSampler,
    /// Pseudo-anomalies.
    pub generator: GeneratorConfig,
    /// Space in which pseudo-anomalies live. Default: patch space.
    pub space: Space,
    /// Classifier head.
    pub head: HeadConfig,
    /// Grades G of severity, spaced over the generator's radii; 1 is the plain
    /// real-or-pseudo decision (paper). Default: 8.
    pub grades: usize,
    /// Windows that one core of a CPU works on at once: larger batches, of training and of
    /// scoring, are cut into chunks that run in parallel. Default: 16.
    pub chunk_size: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            window: 32,
            patch: None,
            context: ContextConfig::default(),
            vae: VaeConfig::default(),
            decoder: DecoderConfig::default(),
            sampler: CodeSampler::default(),
            generator: GeneratorConfig::default(),
            space: Space::default(),
            head: HeadConfig::default(),
            grades: 8,
            chunk_size: 16,
        }
    }
}

/// Space in which pseudo-anomalies live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// Scaled patches, whose scale training cannot change (ours).
    #[default]
    Patch,
    /// Contexts (paper). The classifier can stretch this space until the perturbations are
    /// obvious, so it learns less.
    Latent,
}

impl ModelConfig {
    /// Returns the patch length P in force.
    pub fn patch_length(&self) -> usize {
        let divides = |length: &usize| self.window.is_multiple_of(*length);
        self.patch.unwrap_or_else(|| [4, 3, 2].into_iter().find(divides).unwrap_or(1)).max(1)
    }

    /// Returns the number of tokens L per window.
    pub fn tokens(&self) -> usize {
        self.window / self.patch_length()
    }

    /// Returns the number of values F per token in the space of pseudo-anomalies.
    pub fn generator_features(&self, channels: usize) -> usize {
        match self.space {
            Space::Patch => self.patch_length() * channels,
            Space::Latent => self.context.width,
        }
    }

    /// Returns the classifier's grades of severity over the generator's radii.
    pub fn grade_scale(&self) -> GradeScale {
        GradeScale {
            grades: self.grades,
            min: self.generator.min_radius,
            max: self.generator.max_radius,
        }
    }

    /// Checks everything that can be checked without data, files or a device.
    ///
    /// # Errors
    /// The first setting outside its range.
    pub fn check(&self) -> Result<(), SettingError> {
        at_least_one("window", self.window)?;
        if let Some(patch) = self.patch {
            at_least_one("patch", patch)?;
            let divides = self.window.is_multiple_of(patch);
            require("patch", divides, format!("a divisor of the window {}", self.window), patch)?;
        }
        self.context.check().within("context")?;
        self.vae.check().within("vae")?;
        self.decoder.check().within("decoder")?;
        self.sampler.check().within("sampler")?;
        self.generator.check().within("generator")?;
        self.head.check().within("head")?;
        self.grade_scale().check()?;
        at_least_one("chunk_size", self.chunk_size)
    }
}

aster_base::words!(Space);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patch_follows_from_the_window() {
        let patch = |window| ModelConfig { window, ..Default::default() }.patch_length();
        assert_eq!([4, 6, 10, 7, 32, 1].map(patch), [4, 3, 2, 1, 4, 1]);
        for window in 1..50 {
            assert!(ModelConfig { window, ..Default::default() }.check().is_ok());
        }
    }

    #[test]
    fn impossible_settings_are_named_by_their_path() {
        let name = |change: fn(&mut ModelConfig)| {
            let mut config = ModelConfig::default();
            change(&mut config);
            config.check().unwrap_err().name
        };
        assert_eq!(name(|c| c.window = 0), "window");
        assert_eq!(name(|c| c.patch = Some(0)), "patch");
        assert_eq!(name(|c| c.patch = Some(5)), "patch");
        assert_eq!(name(|c| c.vae.latent_size = 0), "vae.latent_size");
        assert_eq!(name(|c| c.decoder.heads = 5), "decoder.heads");
        assert_eq!(name(|c| c.head.dropout = 1.0), "head.dropout");
        assert_eq!(name(|c| c.context.width = 0), "context.width");
        assert_eq!(name(|c| c.grades = 0), "grades");
    }
}
