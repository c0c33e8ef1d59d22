//! Trains epoch by epoch: Burn's loop runs one at a time, and what comes between them, from
//! checkpoints to early stopping, depends on nothing but the last good checkpoint. So it makes
//! no difference whether a training was interrupted.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use aster_base::SettingError;
use aster_data::{ScaledSeries, TrainingReport, Windows};
use aster_detect::{AsterConfig, EpochRecord, Rollback, RunRecord, TrainConfig, TrainedModel};
use aster_model::{Aster, NetworkComponents};
use burn::data::dataloader::{DataLoader, DataLoaderBuilder};
use burn::data::dataset::Dataset;
use burn::grad_clipping::GradientClippingConfig;
use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::lr_scheduler::sequential::SequentialLrSchedulerConfig;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use burn::train::checkpoint::KeepLastNCheckpoints;
use burn::train::{Interrupter, Learner, SupervisedTraining};

use crate::batch::{Draw, TrainingDraws, ValidationDraws, WindowBatch, WindowBatcher};
use crate::cancel::CancelToken;
use crate::checkpoint::{Checkpoints, Place, TrainState, identity};
use crate::error::TrainError;
use crate::fresh::{fresh, seed};
use crate::monitor::{BadLoss, Monitor, Split, lock};
use crate::progress::{Progress, SharedObserver};
use crate::step::Trainable;
use crate::strategy::Strategy;

/// Everything that a training needs beside its series.
pub(crate) struct Training<'a> {
    pub(crate) config: &'a AsterConfig,
    pub(crate) components: &'a NetworkComponents,
    /// Weights to start from, in place of fresh ones.
    pub(crate) start: Option<TrainedModel>,
    pub(crate) strategy: &'a Strategy,
    pub(crate) observer: &'a SharedObserver,
    pub(crate) cancel: &'a CancelToken,
    /// Folder of the caller's for checkpoints.
    pub(crate) checkpoints: Option<PathBuf>,
}

/// Trains a network on scaled rows and returns that of the best epoch, off the autodiff device.
/// All devices of the strategy have autodiff.
pub(crate) fn run(
    training: Training<'_>,
    [train, validation]: [ScaledSeries; 2],
) -> Result<(Aster, RunRecord), TrainError> {
    let Training { config, components, start, strategy, observer, cancel, checkpoints } = training;
    let (settings, channels) = (&config.train, train.channel_count());
    let main = &strategy.devices()[0];
    let device = main.clone().inner();
    // Before anything costs time.
    let place = Place::open(checkpoints.as_deref())?;
    // A temporary folder has no earlier checkpoints to tell from those of this training.
    let identity = match checkpoints {
        Some(_) => {
            let begun = start.as_ref().map(|start| &start.record);
            identity(config, components, [&train, &validation], begun)
        }
        None => String::new(),
    };
    let network = match start {
        Some(start) => {
            config.model.init(components, channels, main)?.load_record(start.model.into_record())
        }
        None => fresh(config, components, channels, main)?,
    };
    let mut record = RunRecord {
        training: TrainingReport::default(),
        aster: env!("CARGO_PKG_VERSION").into(),
        device: format!("{device:?}"),
        channels,
        train_rows: train.rows(),
        validation_rows: validation.rows(),
        parameters: network.num_params(),
        trainable: trainable(&network),
        epochs: vec![],
        best_epoch: 0,
        rollbacks: vec![],
        seconds: 0.0,
    };
    let folder = Checkpoints::new(place, identity);
    let state = folder.last_good()?;
    let epochs = Epochs {
        config,
        train: Arc::new(train),
        validation: Arc::new(validation),
        strategy,
        observer,
        folder,
        named_folder: checkpoints,
        fresh: Trainable::new(network, settings),
        cancel,
    };
    let (state, best, folder) = epochs.train(state)?;
    let empty = Trainable::new(config.model.init(components, channels, &device)?, settings);
    let model = folder.model(best, empty)?.network;
    (record.epochs, record.rollbacks, record.seconds) =
        (state.epochs, state.rollbacks, state.seconds);
    record.best_epoch = best;
    Ok((model, record))
}

/// State that all epochs of a training share.
struct Epochs<'a> {
    config: &'a AsterConfig,
    train: Arc<ScaledSeries>,
    validation: Arc<ScaledSeries>,
    strategy: &'a Strategy,
    observer: &'a SharedObserver,
    folder: Checkpoints,
    /// The folder, where the caller has named one.
    named_folder: Option<PathBuf>,
    /// The network before its first step.
    fresh: Trainable,
    cancel: &'a CancelToken,
}

impl Epochs<'_> {
    /// Goes on until the training is finished. Gives its last state, its best epoch and the
    /// checkpoints.
    fn train(self, mut state: TrainState) -> Result<(TrainState, usize, Checkpoints), TrainError> {
        let settings = &self.config.train;
        while !state.finished(settings) && !self.cancel.is_cancelled() {
            let epoch = state.epochs.len() + 1;
            match self.next(&mut state) {
                // Cancelled.
                Ok(None) => break,
                Ok(Some(record)) => {
                    tracing::info!(
                        epoch,
                        train = record.train.total,
                        validation = record.validation.total,
                        "epoch done"
                    );
                    if lock(self.observer).epoch(&record).is_break() {
                        break;
                    }
                }
                Err(TrainError::NonFinite { term, step, .. })
                    if state.rollbacks.len() < settings.rollbacks =>
                {
                    let learning_rate = self.rate(&state) * settings.rollback_rate;
                    let rollback = Rollback { epoch, step, term, learning_rate };
                    state.rollbacks.push(rollback);
                    tracing::warn!(epoch, step, %term, learning_rate,
                        "a loss is not finite: back to the last checkpoint, at a lower rate");
                    lock(self.observer).rollback(&rollback);
                }
                Err(error) => {
                    self.folder.tidy()?;
                    return Err(error.with_checkpoint(self.folder.leave()));
                }
            }
        }
        self.folder.tidy()?;
        if self.cancel.is_cancelled() {
            lock(self.observer).cancelled(&state.epochs, self.named_folder.as_deref());
        }
        match state.best() {
            Some(best) => Ok((state, best, self.folder)),
            None => {
                Err(TrainError::Stopped { reason: "it was cancelled".into(), checkpoint: None })
            }
        }
    }

    /// Trains the next epoch and keeps what it leaves; nothing, if it is cancelled before the
    /// end.
    fn next(&self, state: &mut TrainState) -> Result<Option<EpochRecord>, TrainError> {
        let started = Instant::now();
        let Some(record) = self.run(state)? else { return Ok(None) };
        state.epochs.push(record);
        state.seconds += started.elapsed().as_secs_f64();
        let kept = self.folder.keep(state);
        kept.map_err(|error| TrainError::Stopped { reason: error.to_string(), checkpoint: None })?;
        Ok(Some(record))
    }

    /// The epoch that comes after those of the state.
    fn run(&self, state: &TrainState) -> Result<Option<EpochRecord>, TrainError> {
        let settings = &self.config.train;
        let (done, devices) = (state.epochs.len(), self.strategy.devices().len());
        let device = self.strategy.devices()[0].clone();
        let mut learner = self.learner(state)?;
        // The schedule is a function of the step alone.
        (0..done * settings.steps_per_epoch).for_each(|_| learner.lr_step());
        // Dropout draws from the device.
        seed(&device, settings.seed.wrapping_add(1 + done as u64));

        let (monitor, interrupter) = (Monitor::default(), Interrupter::new());
        let of_epoch = settings.steps_per_epoch * settings.batch_size * devices;
        let progress = Progress {
            monitor: monitor.clone(),
            observer: self.observer.clone(),
            cancel: self.cancel.clone(),
            interrupter: interrupter.clone(),
            validating: false,
            before: done * of_epoch,
            of: settings.epochs * of_epoch,
        };
        let training = SupervisedTraining::new(
            self.folder.working()?,
            self.training_windows(done, &device)?,
            self.validation_windows(&device.inner())?,
        )
        .with_application_logger(None)
        .with_interrupter(interrupter.clone())
        .renderer(Box::new(progress))
        .with_default_checkpointers()
        .with_checkpointing_strategy(KeepLastNCheckpoints::new(1))
        .num_epochs(1)
        .metric_train(monitor.metric(Split::Train, &interrupter))
        .metric_valid(monitor.metric(Split::Validation, &interrupter))
        .with_training_strategy(self.strategy.start().into());
        // Burn panics when a device is lost. What it leaves half done, it has taken with it.
        let launched = catch_unwind(AssertUnwindSafe(|| training.launch(learner)));
        if let Some(BadLoss { term, value, step }) = monitor.bad() {
            return Err(TrainError::NonFinite { term, value, step, checkpoint: None });
        }
        let reason = match launched {
            Ok(result) => result.error.map(|error| error.to_string()),
            Err(panic) => Some(panic_message(&*panic)),
        };
        if let Some(reason) = reason {
            return Err(TrainError::Stopped { reason, checkpoint: None });
        }
        // Burn has ended the epoch early.
        if self.cancel.is_cancelled() && interrupter.should_stop() {
            return Ok(None);
        }
        let [train, validation] = [Split::Train, Split::Validation].map(|it| monitor.means(it));
        let learning_rate = self.last_rate(state)?;
        Ok(Some(EpochRecord { epoch: done + 1, learning_rate, train, validation }))
    }

    /// The highest rate of the cycle.
    fn rate(&self, state: &TrainState) -> f64 {
        let rolled_back = state.rollbacks.last().map(|rollback| rollback.learning_rate);
        rolled_back.unwrap_or(self.config.train.learning_rate)
    }

    /// The rate of the last step of the epoch that comes after those of the state.
    fn last_rate(&self, state: &TrainState) -> Result<f64, TrainError> {
        let settings = &self.config.train;
        let mut schedule = one_cycle(settings, self.rate(state))?;
        let steps = (state.epochs.len() + 1) * settings.steps_per_epoch;
        Ok((0..steps).map(|_| schedule.step().base()).last().unwrap_or_default())
    }

    /// Weights and optimiser as the last epoch left them.
    fn learner(&self, state: &TrainState) -> Result<Learner<Trainable>, TrainError> {
        let settings = &self.config.train;
        let fresh = (self.fresh.clone(), optimizer(settings));
        let (model, optimizer) = match state.epochs.len() {
            0 => fresh,
            done => self.folder.restore(done, fresh)?,
        };
        Ok(Learner::new(model, optimizer, one_cycle(settings, self.rate(state))?))
    }

    fn training_windows(&self, done: usize, device: &Device) -> Result<Loader, TrainError> {
        let windows = self.windows()?;
        let (count, devices) = (windows.count(self.train.rows()), self.strategy.devices().len());
        let draws = TrainingDraws::new(count, &self.config.train, devices, done);
        let weight = self.strategy.weight();
        Ok(self.loader(&self.train, windows, draws, weight, device))
    }

    fn validation_windows(&self, device: &Device) -> Result<Loader, TrainError> {
        let windows = self.windows()?;
        let TrainConfig { validation_windows, seed, .. } = self.config.train;
        let of = windows.count(self.validation.rows());
        let draws = ValidationDraws { count: validation_windows, windows: of, seed };
        Ok(self.loader(&self.validation, windows, draws, 1.0, device))
    }

    fn windows(&self) -> Result<Windows, SettingError> {
        Windows::new(self.config.model.window, 1)
    }

    fn loader(
        &self,
        series: &Arc<ScaledSeries>,
        windows: Windows,
        draws: impl Dataset<Draw> + 'static,
        weight: f64,
        device: &Device,
    ) -> Loader {
        let batcher =
            WindowBatcher::new(series.clone(), windows, self.config.model.clone(), weight);
        DataLoaderBuilder::new(batcher)
            .batch_size(self.config.train.batch_size)
            .set_device(device.clone())
            .build(draws)
    }
}

type Loader = Arc<dyn DataLoader<WindowBatch>>;

fn trainable(model: &Aster) -> usize {
    struct Count(usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                self.0 += param.shape().num_elements();
            }
        }
    }
    let mut count = Count(0);
    model.visit(&mut count);
    count.0
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").into()
}

fn optimizer(config: &TrainConfig) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(config.weight_decay)
        .with_grad_clipping(config.max_grad_norm.map(GradientClippingConfig::Norm))
        .init()
}

/// Linear from a 25th of the highest rate, then a cosine to zero.
fn one_cycle(config: &TrainConfig, rate: f64) -> Result<ModuleLrScheduler, TrainError> {
    let steps = config.epochs * config.steps_per_epoch;
    let rise = ((steps as f64 * config.warmup_fraction) as usize).clamp(1, steps);
    let schedulers = vec![
        LinearLrSchedulerConfig::new(rate / 25.0, rate, rise).into(),
        CosineAnnealingLrSchedulerConfig::new(rate, (steps - rise).max(1)).into(),
    ];
    SequentialLrSchedulerConfig::new(schedulers, vec![rise])
        .init()
        .map_err(|got| SettingError::new("train.learning_rate", "a usable schedule", got).into())
}
