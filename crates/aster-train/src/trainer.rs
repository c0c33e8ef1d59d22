use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use aster_base::{DAY, SettingError, require};
use aster_data::{CalendarFeature, Preparation, Scaler, TrainSeries, TrainingReport};
use aster_detect::{AsterConfig, CustomComponents, Detector, TrainConfig, TrainedModel};
use burn::tensor::Device;

use crate::cancel::CancelToken;
use crate::epochs::{Training, run};
use crate::error::TrainError;
use crate::observer::{NoopObserver, Observer, ProgressBar};
use crate::progress::SharedObserver;
use crate::strategy::Strategy;

/// Trains a detector on one device: [`Trainer::fit`] with [`Strategy::Single`].
///
/// # Errors
/// As [`Trainer::fit`].
pub fn fit(
    config: &AsterConfig,
    train: &TrainSeries,
    device: &Device,
) -> Result<Detector, TrainError> {
    Trainer::new(config.clone(), Strategy::Single(device.clone().autodiff())).fit(train)
}

/// Trains a detector for a series that has moved on, from the weights of another one (warm
/// start): the same config but for `settings`, the same channels. Scaler, calibration and
/// threshold are fitted anew.
///
/// # Errors
/// Other channels than those trained on; and as [`Trainer::fit`].
pub fn refit(
    detector: &Detector,
    settings: &TrainConfig,
    train: &TrainSeries,
) -> Result<Detector, TrainError> {
    Trainer::from_detector(detector, settings).fit(train)
}

/// Trainer of a detector, on one device or several.
///
/// Each device gets `train.batch_size` windows per step, and all together take the step that one
/// would take with all those windows.
///
/// ```no_run
/// use aster_data::SyntheticConfig;
/// use aster_detect::AsterConfig;
/// use aster_train::{CancelToken, Strategy, Trainer};
/// use burn::tensor::Device;
///
/// # fn run(device: Device) -> Result<(), Box<dyn std::error::Error>> {
/// let train = SyntheticConfig::default().generate()?.train;
/// let trainer = Trainer::new(AsterConfig::default(), Strategy::Single(device.autodiff()));
/// let token = CancelToken::default(); // `token.cancel()` in another thread ends it early
/// let detector = trainer.with_progress_bar().with_cancel_token(token.clone()).fit(&train)?;
/// # Ok(())
/// # }
/// ```
pub struct Trainer {
    config: AsterConfig,
    strategy: Strategy,
    observer: SharedObserver,
    start: Option<TrainedModel>,
    components: CustomComponents,
    cancel: CancelToken,
    checkpoints: Option<PathBuf>,
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { config, strategy, .. } = self;
        f.debug_struct("Trainer")
            .field("config", config)
            .field("strategy", strategy)
            .finish_non_exhaustive()
    }
}

impl Trainer {
    /// Creates a trainer that shows no progress and keeps no checkpoints.
    pub fn new(config: AsterConfig, strategy: Strategy) -> Self {
        Self {
            config,
            strategy,
            observer: Arc::new(Mutex::new(NoopObserver)),
            start: None,
            components: CustomComponents::default(),
            cancel: CancelToken::default(),
            checkpoints: None,
        }
    }

    /// Creates a trainer that goes on from the weights of a detector (warm start), on its device:
    /// what [`refit`] does, with an observer, a cancel token or checkpoints.
    ///
    /// ```no_run
    /// use aster_data::TrainSeries;
    /// use aster_detect::{Detector, TrainConfig};
    /// use aster_train::{CancelToken, TrainError, Trainer};
    ///
    /// # fn run(detector: Detector, latest: TrainSeries) -> Result<(), TrainError> {
    /// let mut settings = TrainConfig::default();
    /// settings.epochs = 2;
    /// let token = CancelToken::default();
    /// let newer = Trainer::from_detector(&detector, &settings)
    ///     .with_cancel_token(token.clone())
    ///     .with_progress_bar()
    ///     .fit(&latest)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_detector(detector: &Detector, settings: &TrainConfig) -> Self {
        let trained = detector.trained_model().clone();
        let mut config = trained.config.clone();
        config.train = settings.clone();
        let strategy = Strategy::Single(trained.device.clone().autodiff());
        let components = trained.components.clone();
        Self { start: Some(trained), components, ..Self::new(config, strategy) }
    }

    /// Keeps a checkpoint of each epoch in a folder, of which the last two and the best one stay.
    /// The same training started again, with this folder, goes on from the last good one and ends
    /// as if it had never been stopped. Custom parts are told apart by their names and by what they
    /// say as [`Debug`](std::fmt::Debug) text. Without it, checkpoints lie in a temporary folder that is
    /// kept only if training fails.
    pub fn with_checkpoints(mut self, folder: impl Into<PathBuf>) -> Self {
        self.checkpoints = Some(folder.into());
        self
    }

    /// Lets a token end the training early: the best of the epochs that have ended is then the
    /// result. The one under way is lost; with [`Trainer::with_checkpoints`], the same training
    /// started again goes on with it.
    pub fn with_cancel_token(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// Puts custom components in place of those that the config describes.
    pub fn with_components(mut self, components: CustomComponents) -> Self {
        self.components = components;
        self
    }

    /// Shows progress on standard error: a bar on a terminal, else a line per epoch.
    pub fn with_progress_bar(self) -> Self {
        self.with_observer(ProgressBar::new())
    }

    /// Calls an observer as the training goes on, in place of a progress bar.
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(Mutex::new(observer));
        self
    }

    /// Trains on rows taken to be normal. The last of them, in time, validate: they choose the
    /// epoch, calibrate the score and set the threshold, and neither the scaler nor the weights
    /// see them. The norms of the channels come of all rows.
    ///
    /// # Errors
    /// A setting outside its range, a device without autodiff, too few rows for one window each of
    /// training and validation, a language model that cannot be read, a loss that is still not
    /// finite at lower rates, a device that is lost on the way, a cancellation before an epoch has
    /// ended, a folder with checkpoints of another training, a checkpoint that cannot be written.
    #[tracing::instrument(skip_all, fields(rows = train.rows(), channels = train.channel_count()))]
    pub fn fit(self, train: &TrainSeries) -> Result<Detector, TrainError> {
        let Self { mut config, strategy, observer, start, components, cancel, checkpoints } = self;
        config.check()?;
        let inputs = train.with_calendar(&config.calendar)?;
        check_span(&config.calendar, train)?;
        if let Some(start) = &start {
            inputs.check_channels(start.scaler.channels())?;
        }
        components.check(&config.score)?;
        config.model.context = config.model.context.with_channels(train.channels());
        let devices = strategy.devices();
        let Some(main) = devices.first() else {
            return Err(SettingError::new("devices", "at least 1", 0).into());
        };
        if let Some(device) = devices.iter().find(|device| !device.is_autodiff()) {
            return Err(TrainError::NoAutodiff { device: format!("{device:?}") });
        }
        let share = config.train.validation;
        let needed = (config.model.window as f64 / share.min(1.0 - share)).ceil() as usize;
        if train.rows() < needed {
            return Err(TrainError::TooFewRows { rows: train.rows(), needed });
        }
        let report = TrainingReport::of(train, share)?;
        report.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
        let preparation = Preparation::of(&report, &config.channels, inputs.channels());
        let prepared = preparation.prepare_train(&inputs)?;
        let (fitted, _) = prepared.split_validation(share)?;
        let scaler = Scaler::fit(&config.scaler, &fitted);
        let (fitted, validation) = scaler.transform(&prepared)?.split_at(fitted.rows());
        let device = main.clone().inner();
        let training = Training {
            config: &config,
            components: components.network(),
            start,
            strategy: &strategy,
            observer: &observer,
            cancel: &cancel,
            checkpoints,
        };
        let (model, mut record) = run(training, [fitted, validation])?;
        record.training = report;
        let (clock, rows_per_day) = (train.clock().clone(), train.rows_per_day());
        let trained = TrainedModel {
            config,
            components,
            preparation,
            scaler,
            clock,
            rows_per_day,
            model,
            record,
            device,
        };
        let detector = Detector::calibrate(trained, train)?;
        for warning in detector.record().training.warnings_once_trained() {
            tracing::warn!("{warning}");
        }
        Ok(detector)
    }
}

/// Checks that a training series shows every calendar feature go round twice.
fn check_span(features: &[CalendarFeature], train: &TrainSeries) -> Result<(), SettingError> {
    let times = train.timestamps().unwrap_or_default();
    let ends = times.first().zip(times.last());
    let span = ends.map_or(0, |(first, last)| last.saturating_sub(*first));
    features.iter().try_for_each(|feature| {
        let days = |nanoseconds: i64| format!("{:.1} days", nanoseconds as f64 / DAY as f64);
        let least = 2 * feature.period();
        let expected = format!("at least {} of training for {feature}", days(least));
        require("calendar", span >= least, expected, days(span))
    })
}
