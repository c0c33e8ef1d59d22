use std::path::PathBuf;

/// What can be wrong with a language model's folder or settings.
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
    #[error("model_type {got:?} is not supported: expected one of gpt2, llama")]
    UnknownFamily {
        /// The type found.
        got: String,
    },
    /// The weights file is not safetensors.
    #[error("{} is not a safetensors file: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: safetensors::SafeTensorError,
    },
    /// A tensor that the config calls for is not in the file.
    #[error("tensor {name:?} is missing")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor of another shape than the config calls for.
    #[error("tensor {name:?}: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape that the config calls for.
        expected: Vec<usize>,
        /// The shape found.
        got: Vec<usize>,
    },
    /// A tensor of a type that is no float.
    #[error("tensor {name:?}: expected F32, F16 or BF16, got {got}")]
    Dtype {
        /// Its name.
        name: String,
        /// The type found.
        got: String,
    },
    /// A setting outside its range.
    #[error("{name}: expected {expected}, got {got}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range, in words.
        expected: String,
        /// The value given.
        got: String,
    },
}
