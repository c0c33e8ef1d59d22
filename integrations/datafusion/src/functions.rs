use std::sync::Arc;

use aster::Device;
use aster::data::MissingPolicy;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::prelude::SessionContext;

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

    /// Registers the functions in a context, so that its queries know them.
    pub fn register(&self, context: &SessionContext) {
        context.register_udwf(self.score());
        context.register_udaf(self.train());
        context.register_udf(self.put());
    }

    /// Adds the functions to a session, for contexts that are made of it.
    pub fn registered(&self, state: SessionState) -> SessionState {
        let context = SessionContext::new_with_state(state);
        self.register(&context);
        context.state()
    }
}
