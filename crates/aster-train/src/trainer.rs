use aster_data::{Scaler, TrainSeries};
use burn::tensor::Device;
use burn::train::ExecutionStrategy;

use crate::detector::calibrate;
use crate::fit::fit;
use crate::{AsterConfig, Detector, TrainError};

/// Trains a detector on the devices of one of Burn's strategies.
///
/// Each device gets `train.batch` windows per step, and all together take the step that
/// one would take with all those windows: with [`multi`](ExecutionStrategy::multi), whose
/// devices send their gradients to the first one, and with
/// [`ddp`](ExecutionStrategy::ddp) where its config takes the mean. Burn 0.22 has the
/// collective operation that `ddp` needs on CUDA and ROCm, and not across device servers.
/// Scoring runs on the first device.
pub struct Trainer {
    config: AsterConfig,
    strategy: ExecutionStrategy,
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let devices = devices(&self.strategy);
        f.debug_struct("Trainer").field("config", &self.config).field("devices", &devices).finish()
    }
}

impl Trainer {
    /// Every device of the strategy must have autodiff: `device.autodiff()`.
    pub fn new(config: AsterConfig, strategy: ExecutionStrategy) -> Self {
        Self { config, strategy }
    }

    /// Trains on rows taken to be normal. The last of them, in time, validate:
    /// they choose the epoch, calibrate the score and set the threshold, and
    /// neither the scaler nor the weights see them. The norms of the channels
    /// (`channel_norm`) come of all rows.
    ///
    /// # Errors
    /// A setting outside its range, a device without autodiff, too few rows for one
    /// window each of training and validation, a language model that cannot be read, a
    /// loss that is not finite, a device that is lost on the way.
    pub fn fit(self, train: &TrainSeries) -> Result<Detector, TrainError> {
        let Self { config, strategy } = self;
        config.check()?;
        let changes = train.channels().iter().map(|channel| format!("change of {channel}"));
        let seen = train.channels().iter().cloned().chain(changes);
        let seen: Vec<String> = seen.take(config.seen(train.channel_count())).collect();
        let context = config.context.clone().with_channels(&seen);
        let config = AsterConfig { context, ..config };
        let missing = devices(&strategy).iter().find(|device| !device.is_autodiff());
        if let Some(device) = missing {
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
        let device = strategy.main_device().clone().inner();
        let (model, record) = fit(&config, fitted, validation, strategy)?;
        let (calibration, threshold) = calibrate(&model, &scaled, cut, &device)?;
        Ok(Detector { scaler, model, calibration, threshold, record, device })
    }
}

pub(crate) fn devices(strategy: &ExecutionStrategy) -> &[Device] {
    match strategy {
        ExecutionStrategy::SingleDevice(device) => std::slice::from_ref(device),
        ExecutionStrategy::MultiDevice(devices, _)
        | ExecutionStrategy::DistributedDataParallel { devices, .. } => devices,
    }
}
