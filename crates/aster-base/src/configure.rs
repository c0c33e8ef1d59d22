/// Builds configs that differ from others in a few fields.
///
/// Config structs may gain fields, so programs outside of their crates cannot write them as
/// literals.
///
/// ```
/// use aster_base::Configure;
///
/// #[derive(Clone, Default)]
/// #[non_exhaustive]
/// struct Config {
///     epochs: usize,
///     seed: u64,
/// }
///
/// let config = Config::with(|config| config.epochs = 4);
/// let other = config.changed(|config| config.seed = 1);
/// assert_eq!((other.epochs, other.seed), (4, 1));
/// ```
pub trait Configure: Default + Clone {
    /// Creates the default config with some changes.
    fn with(change: impl FnOnce(&mut Self)) -> Self {
        Self::default().changed(change)
    }

    /// Copies a config with some changes.
    fn changed(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut config = self.clone();
        change(&mut config);
        config
    }
}

impl<T: Default + Clone> Configure for T {}
