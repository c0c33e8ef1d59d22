use aster::{DetectError, SettingError};

/// Error of a worker, or of what is sent to workers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// A setting is outside its range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A detector cannot be read, or does not go on with what there is.
    #[error("{what}: {source}")]
    Detector {
        /// Which one.
        what: String,
        /// Fault, in the library's words.
        source: Box<DetectError>,
    },
    /// There is no detector for the group.
    #[error("group {group:?} has no detector: put one, with `put_detector` or the command put")]
    NoDetector {
        /// Name of the group.
        group: String,
    },
    /// A group has another number of partitions than is asked for.
    #[error("group {group:?} has {expected} partitions: expected as many, got {got}")]
    Partitions {
        /// Name of the group.
        group: String,
        /// Partitions that it has.
        expected: u32,
        /// Partitions that the config has.
        got: u32,
    },
    /// The broker does not do what it is asked for.
    #[error("{what}: {source}")]
    Broker {
        /// Request that failed.
        what: String,
        /// What the client says.
        source: async_nats::Error,
    },
    /// What is stored is larger than the broker takes.
    #[error(
        "the state of series {series:?} has {got} bytes: expected at most {most}; raise max_payload of the broker, or lower drift.memory and drift.longest"
    )]
    TooLarge {
        /// Name of the series.
        series: String,
        /// Its bytes, compressed.
        got: usize,
        /// Largest payload of the broker.
        most: usize,
    },
    /// What is stored is not what a worker has stored.
    #[error("{what}: expected {expected}, got {got}")]
    Stored {
        /// Where it is.
        what: String,
        /// What would have been right.
        expected: &'static str,
        /// What was there.
        got: String,
    },
    /// Rows do not come one after the other.
    #[error("{what}: expected delivery {expected}, got {got}")]
    Gap {
        /// Which rows.
        what: String,
        /// Number of the delivery that would have been next.
        expected: u64,
        /// Number of the one that came.
        got: u64,
    },
    /// The connection to the broker was lost, and with it what was under way.
    #[error("the connection to the broker has begun anew")]
    Reconnected,
    /// The broker has not answered for too long.
    #[error("{what}: no answer for {seconds} s")]
    Silent {
        /// Request that got no answer.
        what: &'static str,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Another worker has taken over.
    #[error("{what} is another worker's now")]
    Lost {
        /// A partition, or a series.
        what: String,
    },
}

impl NatsError {
    /// Says whether another attempt may end better.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Broker { .. } | Self::Silent { .. } => true,
            Self::Gap { .. } | Self::Reconnected => true,
            Self::Lost { .. } | Self::NoDetector { .. } => true,
            Self::Setting(_) | Self::Detector { .. } | Self::Partitions { .. } => false,
            Self::TooLarge { .. } | Self::Stored { .. } => false,
        }
    }
}

/// Adds what was asked for to an error of the client.
pub(crate) fn broker<E: Into<async_nats::Error>>(
    what: impl Into<String>,
) -> impl FnOnce(E) -> NatsError {
    move |source| NatsError::Broker { what: what.into(), source: source.into() }
}

/// Adds what was at hand to an error of the library.
pub(crate) fn detector(what: impl Into<String>) -> impl FnOnce(DetectError) -> NatsError {
    move |source| NatsError::Detector { what: what.into(), source: Box::new(source) }
}
