//! Schedulers and executors of Ballista that know the functions of ASTER.
//!
//! A query runs on a cluster as it runs in one process, if scheduler, executors and the client know the
//! same functions: `aster-scheduler` and `aster-executor` are programs that do, [`connect`] gives a
//! client its context. Detectors have to lie where every executor finds them.

use std::sync::Arc;

use aster::data::MissingPolicy;
use ballista::prelude::{SessionConfigExt, SessionContextExt};
use ballista_core::error::{BallistaError, Result};
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::default_session_builder;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::functions::Functions;

/// Options of a scheduler.
#[derive(Debug, Clone, clap::Args)]
pub struct Scheduler {
    /// Address that it listens on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// Port that it listens on.
    #[arg(long, default_value_t = 50050)]
    pub port: u16,
    /// Seconds without a word after which an executor is held to be lost, and its work is given to
    /// others. At least twice what its executors have as `--heartbeat`.
    #[arg(long, default_value_t = 180)]
    pub lost_after: u64,
}

/// Options of an executor.
#[derive(Debug, Clone, clap::Args)]
pub struct Executor {
    /// Address that it listens on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// Port from which others fetch its results; the next one takes orders.
    #[arg(long, default_value_t = 50051)]
    pub port: u16,
    /// Host of the scheduler.
    #[arg(long, default_value = "127.0.0.1")]
    pub scheduler_host: String,
    /// Port of the scheduler.
    #[arg(long, default_value_t = 50050)]
    pub scheduler_port: u16,
    /// Tasks that it runs at the same time; 0 for as many as there are cores.
    #[arg(long, default_value_t = 0)]
    pub tasks: usize,
    /// Folder of its intermediate results; a temporary one by default.
    #[arg(long)]
    pub folder: Option<String>,
    /// Bytes of memory for what queries sort and group; by default most of what there is.
    #[arg(long)]
    pub memory: Option<u64>,
    /// Seconds between the words that it sends to the scheduler.
    #[arg(long, default_value_t = 60)]
    pub heartbeat: u64,
    /// What becomes of missing values: `error`, `forward_fill` or `linear`.
    #[arg(long, default_value = "error", value_parser = missing)]
    pub missing: MissingPolicy,
}

fn missing(word: &str) -> std::result::Result<MissingPolicy, String> {
    let policy = serde_json::from_value(serde_json::Value::String(word.into()));
    policy.map_err(|error| error.to_string())
}

impl Scheduler {
    /// Runs a scheduler, until it is told to stop.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub async fn run(self, functions: Functions) -> Result<()> {
        let Self { host, port, lost_after } = self;
        let session = Arc::new(move |config: SessionConfig| {
            functions.registered(default_session_builder(config)?)
        });
        let config = SchedulerConfig {
            scheduler_id: format!("{host}:{port}"),
            external_host: host.clone(),
            bind_host: host.clone(),
            bind_port: port,
            executor_timeout_seconds: lost_after,
            no_executors_grace_period_seconds: lost_after,
            expire_dead_executor_interval_seconds: lost_after.div_ceil(4).max(1),
            override_session_builder: Some(session),
            ..Default::default()
        };
        let cluster = BallistaCluster::new_from_config(&config).await?;
        let address = format!("{host}:{port}");
        let wrong = |error| BallistaError::Configuration(format!("{address}: {error}"));
        start_server(cluster, address.parse().map_err(wrong)?, Arc::new(config)).await
    }
}

impl Executor {
    /// Runs an executor, until it is told to stop.
    ///
    /// # Errors
    /// No scheduler, ports that cannot be listened on.
    pub async fn run(self, functions: Functions) -> Result<()> {
        let functions = functions.with_missing(self.missing);
        let mut registry = BallistaFunctionRegistry::default();
        let (score, train, put) = (functions.score(), functions.train(), functions.put());
        registry.window_functions.insert(score.name().into(), score.into());
        registry.aggregate_functions.insert(train.name().into(), train.into());
        registry.scalar_functions.insert(put.name().into(), put.into());
        let grpc_port = self.port.checked_add(1).ok_or_else(|| {
            BallistaError::Configuration(format!("port {}: expected one below it", self.port))
        })?;
        // Sorts and groups go to its folder where memory ends, as without stores of ours.
        let folder = self.folder.clone();
        let runtime = Arc::new(move |_: &SessionConfig| functions.runtime(folder.as_deref()));
        let config = ExecutorProcessConfig {
            bind_host: self.host.clone(),
            external_host: Some(self.host),
            port: self.port,
            grpc_port,
            scheduler_host: self.scheduler_host,
            scheduler_port: self.scheduler_port,
            scheduler_connect_timeout_seconds: 30,
            vcores: self.tasks,
            work_dir: self.folder,
            executor_heartbeat_interval_seconds: self.heartbeat,
            memory_pool_size: self.memory,
            override_runtime_producer: Some(runtime),
            override_function_registry: Some(Arc::new(registry)),
            ..Default::default()
        };
        start_executor_process(Arc::new(config)).await
    }
}

/// Connects to a cluster by the URL of its scheduler, `df://host:port`: queries of the context run
/// there.
///
/// # Errors
/// A URL that is none, a scheduler that does not answer.
pub async fn connect(
    url: &str,
    functions: &Functions,
) -> datafusion::error::Result<SessionContext> {
    let config = SessionConfig::new_with_ballista();
    let state = SessionStateBuilder::new().with_default_features().with_config(config);
    let state = state.with_runtime_env(functions.runtime(None)?).build();
    // The state is made anew for a cluster, with the functions that Ballista knows.
    let context = SessionContext::remote_with_state(url, state).await?;
    functions.register(&context);
    Ok(context)
}
