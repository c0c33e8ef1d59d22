use std::path::PathBuf;

use aster_base::SettingError;

/// The errors of reading and building a language model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlmError {
    /// A file of the folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// `config.json` is not what a model of its type needs.
    #[error("{}: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// A model type that is not implemented.
    #[error("model_type {got:?} is not supported: expected one of gpt2, llama, qwen2, qwen3, bert")]
    UnknownFamily {
        /// The type found.
        got: String,
    },
    /// The index of the shards names something else than a shard.
    #[error("{}: expected the name of a .safetensors file beside it, got {got:?}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// The name found.
        got: String,
    },
    /// The weights file is not safetensors.
    #[error("{} is not a safetensors file: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: burn::store::SafetensorsStoreError,
    },
    /// A tensor that the config calls for is not in the file.
    #[error("tensor {name:?} is missing")]
    MissingTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor of another shape than the config calls for.
    #[error("tensor {name:?}: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// The shape that the config calls for.
        expected: Vec<usize>,
        /// The shape found.
        got: Vec<usize>,
    },
    /// A tensor of a type that is no float.
    #[error("tensor {name:?}: expected F32, F16 or BF16, got {got}")]
    Dtype {
        /// Name of the tensor.
        name: String,
        /// The type found.
        got: String,
    },
    /// A tensor whose bytes cannot be read.
    #[error("tensor {name:?} cannot be read: {reason}")]
    Unreadable {
        /// Name of the tensor.
        name: String,
        /// The cause.
        reason: String,
    },
    /// A tensor that the device does not deliver.
    #[error("tensor {name:?} cannot be read from the device: {reason}")]
    Device {
        /// Name of the tensor in the file to be written.
        name: String,
        /// The cause.
        reason: String,
    },
    /// An adapter that belongs to another model or another LoRA.
    #[error("{} does not fit this model's LoRA: {reason}", path.display())]
    Adapter {
        /// The file.
        path: PathBuf,
        /// Mismatch, in words.
        reason: String,
    },
    /// A tokenizer that cannot be read, or that a prompt cannot use.
    #[error("tokenizer: {reason}")]
    Tokenizer {
        /// The cause.
        reason: String,
    },
    /// A model that the hub does not deliver.
    #[error("{model}: {reason}")]
    Hub {
        /// Name of the model.
        model: String,
        /// The cause.
        reason: String,
    },
    /// A file that is not the one that the hub has.
    #[error("{}: expected SHA-256 {expected}, got {got}; it was removed", path.display())]
    Checksum {
        /// The file, no longer there.
        path: PathBuf,
        /// The checksum that the hub gave.
        expected: String,
        /// The checksum of what came.
        got: String,
    },
    /// Something that this build lacks.
    #[error("{what} needs feature {feature:?}: enable it in Cargo.toml")]
    Feature {
        /// Setting or call that needs the feature.
        what: String,
        /// The feature of `aster` or `aster-llm`.
        feature: &'static str,
    },
    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// Names the file that an error of input or output is about.
pub(crate) fn io(path: &std::path::Path) -> impl Fn(std::io::Error) -> LlmError {
    move |source| LlmError::Io { path: path.into(), source }
}
