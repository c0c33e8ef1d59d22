//! Items that most programs need: `use aster::prelude::*;`.

pub use aster_base::Configure;
#[cfg(feature = "csv")]
pub use aster_data::CsvFormat;
pub use aster_data::{
    CalendarFeature, ChannelPolicies, ChannelPolicy, Clock, MissingPolicy, SyntheticConfig, Time,
    TimeSeries, TrainSeries,
};
#[cfg(feature = "tables")]
pub use aster_data::{
    Categorical, Columns, DuplicateTimes, LoadOptions, LoadReport, Loaded, RowOrder,
};
pub use aster_detect::{
    Alarm, AlarmEvent, AsterConfig, Attribution, Contribution, Detection, Detector, Notice, OnLate,
    OnMissing, Regular, Row, Scored, StreamConfig, StreamOutput, StreamingDetector, Streams,
    TrainConfig,
};
pub use aster_eval::{
    Acknowledgement, AlarmConfig, DriftConfig, EventMetrics, Interval, Per, ThresholdRule, auroc,
    average_precision, best_f1, f1_at,
};
pub use aster_llm::{ContextConfig, LlmConfig, LlmSource, LoraConfig, Tuning};
#[cfg(feature = "report")]
pub use aster_report::{Report, ReportConfig};
#[cfg(feature = "train")]
pub use aster_train::{CancelToken, Strategy, Trainer, fit, refit};

pub use crate::device::{Backend, DeviceChoice, device};
pub use burn::tensor::Device;
