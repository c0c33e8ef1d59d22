use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aster_data::{TimeSeries, Windows};
use burn::data::dataloader::{DataLoader, DataLoaderBuilder};
use burn::grad_clipping::GradientClippingConfig;
use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::lr_scheduler::sequential::SequentialLrSchedulerConfig;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor};
use burn::train::checkpoint::{
    ComposedCheckpointingStrategy, KeepLastNCheckpoints, MetricCheckpointingStrategy,
};
use burn::train::metric::store::{Aggregate, Direction, Split};
use burn::train::{
    ExecutionStrategy, Interrupter, Learner, MetricEarlyStoppingStrategy, StoppingCondition,
    SupervisedTraining,
};

use crate::batch::{TrainingDraws, ValidationDraws, WindowBatcher};
use crate::monitor::{BadLoss, Guard, PartMetric};
use crate::progress::{History, Progress};
use crate::trainer::devices;
use crate::{
    Aster, AsterConfig, EpochRecord, Part, RunRecord, TrainConfig, TrainError, WindowBatch,
};

/// Trains a model on scaled rows and returns that of the best epoch, off the
/// autodiff device. All devices of the strategy have autodiff.
pub(crate) fn fit(
    config: &AsterConfig,
    train: TimeSeries,
    validation: TimeSeries,
    strategy: ExecutionStrategy,
) -> Result<(Aster, RunRecord), TrainError> {
    let started = Instant::now();
    let settings = &config.train;
    let (channels, train_rows, validation_rows) =
        (train.channel_count(), train.rows(), validation.rows());
    let main = strategy.main_device().clone();
    let device = main.clone().inner();
    device.seed(settings.seed);
    let model = config.init(channels, &main)?;
    let (parameters, trainable) = (model.num_params(), trainable(&model));

    let folder = Folder::open(settings)?;
    let history = History::new(Mutex::new(Vec::new()));
    let interrupter = Interrupter::new();
    let guard = Guard::new(interrupter.clone());
    let devices = devices(&strategy).len();
    let weight = match strategy {
        ExecutionStrategy::MultiDevice(..) => 1.0 / devices as f64,
        _ => 1.0,
    };
    let windows = settings.epochs * settings.steps * settings.batch * devices;
    let total = PartMetric::new(Part::Total);
    let best =
        MetricCheckpointingStrategy::new(&total, Aggregate::Mean, Direction::Lowest, Split::Valid);
    let keep = ComposedCheckpointingStrategy::builder()
        .add(KeepLastNCheckpoints::new(1))
        .add(best)
        .build();
    let mut training = SupervisedTraining::new(
        folder.path(),
        train_loader(config, train, devices, weight, &main)?,
        validation_loader(config, validation, &device)?,
    )
    .with_application_logger(None)
    .with_interrupter(interrupter.clone())
    .renderer(Box::new(Progress::new(history.clone(), windows, settings.progress)))
    .with_default_checkpointers()
    .with_checkpointing_strategy(keep)
    .num_epochs(settings.epochs)
    .metric_train(guard.clone())
    .metric_valid(guard.clone())
    .with_training_strategy(strategy.into());
    for part in Part::ALL {
        training = training
            .metric_train_numeric(PartMetric::new(part))
            .metric_valid_numeric(PartMetric::new(part));
    }
    if let Some(n_epochs) = settings.patience {
        training = training.early_stopping(MetricEarlyStoppingStrategy::new(
            &total,
            Aggregate::Mean,
            Direction::Lowest,
            Split::Valid,
            StoppingCondition::NoImprovementSince { n_epochs },
        ));
    }
    let learner = Learner::new(model, optimizer(settings), one_cycle(settings)?);
    // Burn panics when a device is lost. What it leaves half done, it has taken with it.
    let launched = catch_unwind(AssertUnwindSafe(|| training.launch(learner)));

    if let Some(BadLoss { part, value, step }) = guard.found() {
        let checkpoint = folder.keep();
        return Err(TrainError::NonFinite { part, value, step, checkpoint });
    }
    let stopped = |reason, folder: Folder| {
        let checkpoint = folder.keep();
        Err(TrainError::Stopped { reason, checkpoint })
    };
    let result = match launched {
        Ok(result) => result,
        Err(panic) => return stopped(panic_message(&*panic), folder),
    };
    if let Some(error) = result.error {
        return stopped(error.to_string(), folder);
    }
    let epochs = history.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let by_loss =
        |a: &&EpochRecord, b: &&EpochRecord| a.validation.total.total_cmp(&b.validation.total);
    let Some(best) = epochs.iter().min_by(by_loss) else {
        return stopped("no epoch was completed".into(), folder);
    };
    let best_epoch = best.epoch;
    let path = model_path(&folder.path().join("checkpoint"), best_epoch);
    // Read at once: `ModuleRecord::load` would come back for the tensors later, when
    // a temporary folder is gone.
    let bytes =
        std::fs::read(&path).map_err(|source| TrainError::Io { path: path.clone(), source })?;
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))
        .map_err(|error| TrainError::Weights { path, reason: error.to_string() })?;
    let model = result.model.load_record(record).valid();
    let record = RunRecord {
        aster: env!("CARGO_PKG_VERSION").into(),
        config: config.clone(),
        device: format!("{device:?}"),
        channels,
        train_rows,
        validation_rows,
        parameters,
        trainable,
        epochs,
        best_epoch,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok((model, record))
}

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

fn train_loader(
    config: &AsterConfig,
    series: TimeSeries,
    devices: usize,
    weight: f64,
    device: &Device,
) -> Result<Arc<dyn DataLoader<WindowBatch>>, TrainError> {
    let windows = Windows::new(series.rows(), config.window, 1)?;
    let draws = TrainingDraws::new(windows.count(), config, devices);
    Ok(DataLoaderBuilder::new(WindowBatcher::new(series, windows, config.clone(), weight))
        .batch_size(config.train.batch)
        .set_device(device.clone())
        .build(draws))
}

fn validation_loader(
    config: &AsterConfig,
    series: TimeSeries,
    device: &Device,
) -> Result<Arc<dyn DataLoader<WindowBatch>>, TrainError> {
    let windows = Windows::new(series.rows(), config.window, 1)?;
    let (count, seed) = (config.train.validation_windows, config.train.seed);
    let draws = ValidationDraws { count, windows: windows.count(), seed };
    Ok(DataLoaderBuilder::new(WindowBatcher::new(series, windows, config.clone(), 1.0))
        .batch_size(config.train.batch)
        .set_device(device.clone())
        .build(draws))
}

fn optimizer(config: &TrainConfig) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(config.weight_decay)
        .with_grad_clipping(config.clip.map(GradientClippingConfig::Norm))
        .init()
}

/// Linear from a 25th of the highest rate, then a cosine to zero.
fn one_cycle(config: &TrainConfig) -> Result<ModuleLrScheduler, TrainError> {
    let steps = config.epochs * config.steps;
    let rise = ((steps as f64 * config.rise) as usize).clamp(1, steps);
    let rate = config.learning_rate;
    let schedulers = vec![
        LinearLrSchedulerConfig::new(rate / 25.0, rate, rise).into(),
        CosineAnnealingLrSchedulerConfig::new(rate, (steps - rise).max(1)).into(),
    ];
    SequentialLrSchedulerConfig::new(schedulers, vec![rise]).init().map_err(|got| {
        TrainError::Setting { name: "learning_rate", expected: "a usable schedule".into(), got }
    })
}

/// Where checkpoints go: the caller's folder, or one that vanishes.
enum Folder {
    Named(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn open(config: &TrainConfig) -> Result<Self, TrainError> {
        match &config.checkpoints {
            Some(path) => match std::fs::create_dir_all(path) {
                Ok(()) => Ok(Self::Named(path.clone())),
                Err(source) => Err(TrainError::Io { path: path.clone(), source }),
            },
            None => match tempfile::Builder::new().prefix("aster-").tempdir() {
                Ok(folder) => Ok(Self::Temporary(folder)),
                Err(source) => Err(TrainError::Io { path: std::env::temp_dir(), source }),
            },
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// The newest model in the folder, if there is any; then the folder is permanent.
    fn keep(self) -> Option<PathBuf> {
        let model = newest_model(&self.path().join("checkpoint"))?;
        if let Self::Temporary(folder) = self {
            let _path = folder.keep();
        }
        Some(model)
    }
}

fn model_path(checkpoints: &Path, epoch: usize) -> PathBuf {
    checkpoints.join(format!("model-{epoch}.bpk"))
}

fn newest_model(checkpoints: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(checkpoints).ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.strip_prefix("model-")?.strip_suffix(".bpk")?.parse::<usize>().ok()
    });
    names.max().map(|epoch| model_path(checkpoints, epoch))
}
