//! Trains epoch by epoch: Burn's loop runs one at a time, and what comes between them, from
//! checkpoints to early stopping, depends on nothing but the last good checkpoint. So it makes
//! no difference whether a training was interrupted.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use aster_data::{TimeSeries, Windows};
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

use crate::batch::{Draw, TrainingDraws, ValidationDraws, WindowBatcher};
use crate::checkpoint::{Checkpoints, State, name_of};
use crate::monitor::{BadLoss, Guard, PartMetric};
use crate::progress::{EpochLosses, Progress, Shared, lock};
use crate::trainer::Start;
use crate::{
    Aster, AsterConfig, EpochRecord, Part, Parts, Rollback, RunRecord, Stop, Strategy, TrainConfig,
    TrainError, WindowBatch,
};

/// Trains a model on scaled rows and returns that of the best epoch, off the
/// autodiff device. All devices of the strategy have autodiff.
pub(crate) fn fit(
    config: &AsterConfig,
    parts: &Parts,
    [train, validation]: [TimeSeries; 2],
    start: Option<Start>,
    strategy: &Strategy,
    observer: &Shared,
    stop: Stop,
) -> Result<(Aster, RunRecord), TrainError> {
    let settings = &config.train;
    let main = &strategy.devices()[0];
    let device = main.clone().inner();
    device.seed(settings.seed);
    // A temporary folder has no earlier checkpoints to tell from those of this training.
    let training = match settings.checkpoints {
        Some(_) => {
            let begun = start.as_ref().map(|start| &start.record);
            name_of(config, parts, [&train, &validation], begun)
        }
        None => String::new(),
    };
    let mut fresh = config.init_with(parts, train.channel_count(), main)?;
    if let Some(start) = start {
        fresh = fresh.load_record(start.model.into_record());
    }
    let mut record = RunRecord {
        aster: env!("CARGO_PKG_VERSION").into(),
        config: config.clone(),
        device: format!("{device:?}"),
        channels: train.channel_count(),
        train_rows: train.rows(),
        validation_rows: validation.rows(),
        parameters: fresh.num_params(),
        trainable: trainable(&fresh),
        epochs: vec![],
        best_epoch: 0,
        rollbacks: vec![],
        seconds: 0.0,
    };
    let checkpoints = Checkpoints::open(settings, training)?;
    let state = checkpoints.last_good()?;
    let epochs = Epochs {
        config,
        train: Arc::new(train),
        validation: Arc::new(validation),
        strategy,
        observer,
        checkpoints,
        fresh,
        stop,
    };
    let (state, best, checkpoints) = epochs.train(state)?;
    let model = checkpoints.model(best, config.init_with(parts, record.channels, &device)?)?;
    (record.epochs, record.rollbacks, record.seconds) =
        (state.epochs, state.rollbacks, state.seconds);
    record.best_epoch = best;
    Ok((model, record))
}

/// What all epochs of a training share.
struct Epochs<'a> {
    config: &'a AsterConfig,
    train: Arc<TimeSeries>,
    validation: Arc<TimeSeries>,
    strategy: &'a Strategy,
    observer: &'a Shared,
    checkpoints: Checkpoints,
    /// The model before its first step.
    fresh: Aster,
    stop: Stop,
}

impl Epochs<'_> {
    /// Goes on until the training is finished. Gives its last state, its best epoch and the
    /// checkpoints.
    fn train(self, mut state: State) -> Result<(State, usize, Checkpoints), TrainError> {
        let settings = &self.config.train;
        while !state.finished(settings) && !self.stop.asked() {
            let epoch = state.epochs.len() + 1;
            match self.next(&mut state) {
                // Asked to stop.
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
                Err(TrainError::NonFinite { part, step, .. })
                    if state.rollbacks.len() < settings.rollbacks =>
                {
                    let learning_rate = self.rate(&state) * settings.rollback_rate;
                    let rollback = Rollback { epoch, step, part, learning_rate };
                    state.rollbacks.push(rollback);
                    tracing::warn!(epoch, step, %part, learning_rate,
                        "a loss is not finite: back to the last checkpoint, at a lower rate");
                    lock(self.observer).rollback(&rollback);
                }
                Err(error) => {
                    self.checkpoints.tidy()?;
                    return Err(error.with_checkpoint(self.checkpoints.leave()));
                }
            }
        }
        self.checkpoints.tidy()?;
        if self.stop.asked() {
            lock(self.observer).stopped(&state.epochs, settings.checkpoints.as_deref());
        }
        match state.best() {
            Some(best) => Ok((state, best, self.checkpoints)),
            None => Err(TrainError::Stopped { reason: "it was asked to".into(), checkpoint: None }),
        }
    }

    /// Trains the next epoch and keeps what it leaves; nothing, if it is asked to stop before
    /// the end.
    fn next(&self, state: &mut State) -> Result<Option<EpochRecord>, TrainError> {
        let started = Instant::now();
        let Some(record) = self.run(state)? else { return Ok(None) };
        state.epochs.push(record);
        state.seconds += started.elapsed().as_secs_f64();
        let stopped =
            |error: TrainError| TrainError::Stopped { reason: error.to_string(), checkpoint: None };
        self.checkpoints.keep(state).map_err(stopped)?;
        Ok(Some(record))
    }

    /// The epoch that comes after those of the state.
    fn run(&self, state: &State) -> Result<Option<EpochRecord>, TrainError> {
        let settings = &self.config.train;
        let (done, devices) = (state.epochs.len(), self.strategy.devices().len());
        let device = self.strategy.devices()[0].clone();
        let mut learner = self.learner(state)?;
        // The schedule is a function of the step alone.
        (0..done * settings.steps).for_each(|_| learner.lr_step());
        // Dropout draws from the device.
        device.seed(settings.seed.wrapping_add(1 + done as u64));

        let losses = EpochLosses::default();
        let interrupter = Interrupter::new();
        let guard = Guard::new(interrupter.clone());
        let of_epoch = settings.steps * settings.batch * devices;
        let progress = Progress::new(
            losses.clone(),
            self.observer.clone(),
            (self.stop.clone(), interrupter.clone()),
            done * of_epoch,
            settings.epochs * of_epoch,
        );
        let mut training = SupervisedTraining::new(
            self.checkpoints.working()?,
            self.training_windows(done, &device)?,
            self.validation_windows(&device.inner())?,
        )
        .with_application_logger(None)
        .with_interrupter(interrupter.clone())
        .renderer(Box::new(progress))
        .with_default_checkpointers()
        .with_checkpointing_strategy(KeepLastNCheckpoints::new(1))
        .num_epochs(1)
        .metric_train(guard.clone())
        .metric_valid(guard.clone())
        .with_training_strategy(self.strategy.start().into());
        for part in Part::ALL {
            training = training
                .metric_train_numeric(PartMetric::new(part))
                .metric_valid_numeric(PartMetric::new(part));
        }
        // Burn panics when a device is lost. What it leaves half done, it has taken with it.
        let launched = catch_unwind(AssertUnwindSafe(|| training.launch(learner)));
        if let Some(BadLoss { part, value, step }) = guard.found() {
            return Err(TrainError::NonFinite { part, value, step, checkpoint: None });
        }
        let reason = match launched {
            Ok(result) => result.error.map(|error| error.to_string()),
            Err(panic) => Some(panic_message(&*panic)),
        };
        if let Some(reason) = reason {
            return Err(TrainError::Stopped { reason, checkpoint: None });
        }
        // Burn has ended the epoch early.
        if self.stop.asked() && interrupter.should_stop() {
            return Ok(None);
        }
        let [train, validation] = *lock(&losses);
        let learning_rate = self.last_rate(state)?;
        Ok(Some(EpochRecord { epoch: done + 1, learning_rate, train, validation }))
    }

    /// The highest rate of the cycle.
    fn rate(&self, state: &State) -> f64 {
        let rolled_back = state.rollbacks.last().map(|rollback| rollback.learning_rate);
        rolled_back.unwrap_or(self.config.train.learning_rate)
    }

    /// The rate of the last step of the epoch that comes after those of the state.
    fn last_rate(&self, state: &State) -> Result<f64, TrainError> {
        let settings = &self.config.train;
        let mut schedule = one_cycle(settings, self.rate(state))?;
        let steps = (state.epochs.len() + 1) * settings.steps;
        Ok((0..steps).map(|_| schedule.step().base()).last().unwrap_or_default())
    }

    /// Weights and optimiser as the last epoch left them.
    fn learner(&self, state: &State) -> Result<Learner<Aster>, TrainError> {
        let settings = &self.config.train;
        let fresh = (self.fresh.clone(), optimizer(settings));
        let (model, optimizer) = match state.epochs.len() {
            0 => fresh,
            done => self.checkpoints.restore(done, fresh)?,
        };
        Ok(Learner::new(model, optimizer, one_cycle(settings, self.rate(state))?))
    }

    fn training_windows(&self, done: usize, device: &Device) -> Result<Loader, TrainError> {
        let windows = Windows::new(self.train.rows(), self.config.window, 1)?;
        let devices = self.strategy.devices().len();
        let draws = TrainingDraws::new(windows.count(), self.config, devices, done);
        let weight = self.strategy.weight();
        Ok(self.loader(&self.train, windows, draws, weight, device))
    }

    fn validation_windows(&self, device: &Device) -> Result<Loader, TrainError> {
        let windows = Windows::new(self.validation.rows(), self.config.window, 1)?;
        let TrainConfig { validation_windows, seed, .. } = self.config.train;
        let draws = ValidationDraws { count: validation_windows, windows: windows.count(), seed };
        Ok(self.loader(&self.validation, windows, draws, 1.0, device))
    }

    fn loader(
        &self,
        series: &Arc<TimeSeries>,
        windows: Windows,
        draws: impl Dataset<Draw> + 'static,
        weight: f64,
        device: &Device,
    ) -> Loader {
        let batcher = WindowBatcher::new(series.clone(), windows, self.config.clone(), weight);
        DataLoaderBuilder::new(batcher)
            .batch_size(self.config.train.batch)
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
        .with_grad_clipping(config.clip.map(GradientClippingConfig::Norm))
        .init()
}

/// Linear from a 25th of the highest rate, then a cosine to zero.
fn one_cycle(config: &TrainConfig, rate: f64) -> Result<ModuleLrScheduler, TrainError> {
    let steps = config.epochs * config.steps;
    let rise = ((steps as f64 * config.rise) as usize).clamp(1, steps);
    let schedulers = vec![
        LinearLrSchedulerConfig::new(rate / 25.0, rate, rise).into(),
        CosineAnnealingLrSchedulerConfig::new(rate, (steps - rise).max(1)).into(),
    ];
    SequentialLrSchedulerConfig::new(schedulers, vec![rise]).init().map_err(|got| {
        TrainError::Setting { name: "learning_rate", expected: "a usable schedule".into(), got }
    })
}
