//! What most programs need: `use aster::prelude::*;`.

pub use aster_data::{LoadOptions, MissingPolicy, SyntheticConfig, TimeSeries, TrainSeries};
pub use aster_eval::{Interval, ThresholdRule, auroc, average_precision, best_f1, f1_at};
pub use aster_llm::{ContextConfig, LlmSource};
pub use aster_train::{
    AsterConfig, Attribution, Detection, Detector, Row, StreamConfig, StreamingDetector,
    TrainConfig, TrainError,
};

pub use crate::{Backend, Device, DeviceChoice, device};
