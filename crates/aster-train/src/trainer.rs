use std::sync::{Arc, Mutex};

use aster_data::{Scaler, TrainSeries};

use crate::detector::calibrate;
use crate::fit::fit;
use crate::observer::{Bar, Deaf};
use crate::progress::Shared;
use crate::{Aster, AsterConfig, Detector, Observer, Parts, RunRecord, Stop, Strategy, TrainError};

/// Trains a detector, on one device or several.
///
/// Each device gets `train.batch` windows per step, and all together take the step that
/// one would take with all those windows.
///
/// ```no_run
/// use aster_data::SyntheticConfig;
/// use aster_train::{AsterConfig, Stop, Strategy, Trainer};
/// use burn::tensor::Device;
///
/// # fn run(device: Device) -> Result<(), Box<dyn std::error::Error>> {
/// let train = SyntheticConfig::default().generate()?.train;
/// let mut config = AsterConfig::default();
/// config.train.progress = true;
/// let trainer = Trainer::new(config, Strategy::Single(device.autodiff()));
/// let stop = Stop::default(); // `stop.now()` in another thread ends it early
/// let detector = trainer.stopped_by(stop.clone()).fit(&train)?;
/// # Ok(())
/// # }
/// ```
pub struct Trainer {
    config: AsterConfig,
    strategy: Strategy,
    observer: Shared,
    start: Option<Start>,
    parts: Parts,
    stop: Stop,
}

/// What a training begins with.
pub(crate) struct Start {
    pub(crate) model: Aster,
    channels: Vec<String>,
    /// Names it among others.
    pub(crate) record: RunRecord,
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
    /// Nobody hears of the training, unless the config asks for a progress bar.
    pub fn new(config: AsterConfig, strategy: Strategy) -> Self {
        let observer: Shared = match config.train.progress {
            true => Arc::new(Mutex::new(Bar::new())),
            false => Arc::new(Mutex::new(Deaf)),
        };
        Self {
            config,
            strategy,
            observer,
            start: None,
            parts: Parts::default(),
            stop: Stop::default(),
        }
    }

    /// The same, to be ended early from outside: the best of the epochs that have ended is then
    /// the result. The one under way is lost; with `train.checkpoints`, the same training started
    /// again goes on with it.
    pub fn stopped_by(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// The same with parts of the user's own.
    pub fn with_parts(mut self, parts: Parts) -> Self {
        self.parts = parts;
        self
    }

    /// The same from the weights of a detector, of the same config but for what training and
    /// scoring are set to.
    pub(crate) fn starting_from(mut self, detector: &Detector) -> Self {
        self.parts = detector.model.parts().clone();
        self.start = Some(Start {
            model: detector.model.clone(),
            channels: detector.channels().to_vec(),
            record: detector.record.clone(),
        });
        self
    }

    /// The same with somebody who hears how it goes, in place of a progress bar.
    pub fn observed_by(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(Mutex::new(observer));
        self
    }

    /// Trains on rows taken to be normal. The last of them, in time, validate:
    /// they choose the epoch, calibrate the score and set the threshold, and
    /// neither the scaler nor the weights see them. The norms of the channels
    /// (`channel_norm`) come of all rows.
    ///
    /// # Errors
    /// A setting outside its range, a device without autodiff, too few rows for one
    /// window each of training and validation, a language model that cannot be read, a
    /// loss that is still not finite at lower rates, a device that is lost on the way, a
    /// stop before an epoch has ended, a folder with checkpoints of another training, a
    /// checkpoint that cannot be written.
    #[tracing::instrument(skip_all, fields(rows = train.rows(), channels = train.channel_count()))]
    pub fn fit(self, train: &TrainSeries) -> Result<Detector, TrainError> {
        let Self { config, strategy, observer, start, parts, stop } = self;
        start.as_ref().map_or(Ok(()), |start| train.check_channels(&start.channels))?;
        config.check()?;
        let changes = train.channels().iter().map(|channel| format!("change of {channel}"));
        let seen = train.channels().iter().cloned().chain(changes);
        let seen: Vec<String> = seen.take(config.seen(train.channel_count())).collect();
        let context = config.context.clone().with_channels(&seen);
        let config = AsterConfig { context, ..config };
        let devices = strategy.devices();
        let Some(main) = devices.first() else {
            let (name, expected, got) = ("devices", "at least 1".into(), "0".into());
            return Err(TrainError::Setting { name, expected, got });
        };
        if let Some(device) = devices.iter().find(|device| !device.is_autodiff()) {
            return Err(TrainError::NoAutodiff { device: format!("{device:?}") });
        }
        let share = config.train.validation;
        let needed = (config.window as f64 / share.min(1.0 - share)).ceil() as usize;
        if train.rows() < needed {
            return Err(TrainError::TooFewRows { rows: train.rows(), needed });
        }
        let (fitted, _) = train.split_validation(share)?;
        let (scaler, cut) = (Scaler::fit(&config.scaler, &fitted), fitted.rows());
        let scaled = scaler.transform(train)?;
        let (fitted, validation) = (scaled.slice(0..cut)?, scaled.slice(cut..scaled.rows())?);
        let device = main.clone().inner();
        let series = [fitted, validation];
        let (model, record) = fit(&config, &parts, series, start, &strategy, &observer, stop)?;
        let calibrated = calibrate(&model, train, &scaled, cut, &device)?;
        let (calibration, reference, threshold) = calibrated;
        Ok(Detector { scaler, model, calibration, reference, threshold, record, device })
    }
}
