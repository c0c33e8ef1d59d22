use std::sync::Arc;

use aster::Device;
use aster::data::MissingPolicy;
use datafusion::error::Result;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::detectors::Detectors;
use crate::put::Put;
use crate::score::Score;
use crate::train::Train;

/// The functions of ASTER, to be registered where queries are planned and where they run.
///
/// | function | of a query | result |
/// |---|---|---|
/// | `aster_score(detector, channels...) OVER (PARTITION BY series ORDER BY time)` | window | a struct for each row: `score`, `threshold`, `alarm`, `number`, `severity`, `channel` |
/// | `aster_train(config, time, channels...)` | aggregate | a detector for each group, as bytes |
/// | `aster_put(url, detector)` | scalar | puts the bytes of a detector where the URL says; the detector's fingerprint |
///
/// A missing value (`NULL`) is an error that names its column and row, unless
/// [`Functions::with_missing`] says what becomes of it.
#[derive(Debug, Clone)]
pub struct Functions {
    detectors: Arc<Detectors>,
    missing: MissingPolicy,
}

impl Default for Functions {
    /// On the CPU, with detectors of this machine and of the stores that the features of this crate
    /// know.
    fn default() -> Self {
        Self::new(Detectors::new(Device::flex()))
    }
}

impl Functions {
    /// Creates the functions with detectors of its own device and options.
    pub fn new(detectors: Detectors) -> Self {
        Self { detectors: Arc::new(detectors), missing: MissingPolicy::Error }
    }

    /// Says what becomes of missing values.
    pub fn with_missing(self, missing: MissingPolicy) -> Self {
        Self { missing, ..self }
    }

    /// Returns the detectors that queries use, and where trained ones can be put.
    pub fn detectors(&self) -> &Arc<Detectors> {
        &self.detectors
    }

    /// Returns `aster_score`.
    pub fn score(&self) -> WindowUDF {
        Score::new(self.detectors.clone(), self.missing).into()
    }

    /// Returns `aster_train`.
    pub fn train(&self) -> AggregateUDF {
        Train::new(self.detectors.device().clone(), self.missing).into()
    }

    /// Returns `aster_put`.
    pub fn put(&self) -> ScalarUDF {
        Put::new(self.detectors.clone()).into()
    }

    /// Creates a context whose queries know the functions and run in this process; its tables may lie in
    /// stores of the same options as detectors.
    ///
    /// # Errors
    /// A runtime that cannot be made.
    pub fn context(&self) -> Result<SessionContext> {
        let context = SessionContext::new_with_config_rt(SessionConfig::new(), self.runtime(None)?);
        self.register(&context);
        Ok(context)
    }

    /// A runtime whose queries find tables in stores, as detectors are found.
    pub(crate) fn runtime(&self, folder: Option<&str>) -> Result<Arc<RuntimeEnv>> {
        let stores = self.detectors.stores().clone();
        let builder = RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(stores));
        match folder {
            Some(folder) => builder.with_temp_file_path(folder).build_arc(),
            None => builder.build_arc(),
        }
    }

    /// Registers the functions in a context that there is already, so that its queries know them.
    pub fn register(&self, context: &SessionContext) {
        context.register_udwf(self.score());
        context.register_udaf(self.train());
        context.register_udf(self.put());
    }

    /// Adds the functions and stores to a session, for contexts that are made of it.
    ///
    /// # Errors
    /// A runtime that cannot be made.
    pub fn registered(&self, state: SessionState) -> Result<SessionState> {
        let builder = SessionStateBuilder::new_from_existing(state);
        let context =
            SessionContext::new_with_state(builder.with_runtime_env(self.runtime(None)?).build());
        self.register(&context);
        Ok(context.state())
    }
}
