//! Items that most programs need: `use aster::prelude::*;`.

pub use aster_base::Configure;
#[cfg(feature = "files")]
pub use aster_data::{Columns, CsvFormat, LoadOptions};
pub use aster_data::{MissingPolicy, SyntheticConfig, TimeSeries, TrainSeries};
pub use aster_detect::{
    AsterConfig, Attribution, Detection, Detector, Row, StreamConfig, StreamingDetector,
    TrainConfig,
};
pub use aster_eval::{Interval, ThresholdRule, auroc, average_precision, best_f1, f1_at};
pub use aster_llm::{ContextConfig, LlmSource};
#[cfg(feature = "train")]
pub use aster_train::{CancelToken, Strategy, Trainer, fit, refit};

pub use crate::device::{Backend, DeviceChoice, device};
pub use burn::tensor::Device;
