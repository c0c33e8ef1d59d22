use aster_base::SettingError;
use aster_llm::LlmError;

/// Error that the initialisation of a custom component may fail with.
pub type ComponentError = Box<dyn std::error::Error + Send + Sync>;

/// The errors of building a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The language model cannot be read or used.
    #[error(transparent)]
    Llm(#[from] LlmError),
    /// A custom component cannot be built.
    #[error("the {component} {name:?} cannot be made: {source}")]
    Component {
        /// Built-in component that the custom one stands in for.
        component: &'static str,
        /// Name of the custom component.
        name: String,
        /// The cause.
        source: ComponentError,
    },
}
