use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aster_datafusion::Functions;
use aster_datafusion::aster::{Detector, Device};
use aster_datafusion::cluster::connect;
use aster_datafusion::datafusion::prelude::SessionContext;
use tempfile::TempDir;

use crate::{fleet, score};

/// A scheduler and executors as processes, which end with the test.
pub(crate) struct Cluster {
    scheduler: Child,
    port: u16,
    executors: Vec<Child>,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

/// Two ports in a row that nobody listens on.
fn ports() -> u16 {
    let free = |port| TcpListener::bind(("127.0.0.1", port)).and_then(|it| it.local_addr());
    loop {
        let port = free(0).unwrap().port();
        if port < u16::MAX && free(port + 1).is_ok() {
            return port;
        }
    }
}

fn start(
    program: &str,
    arguments: &[String],
    environment: &[(String, String)],
    log: PathBuf,
) -> Child {
    let log = std::fs::File::create(log).unwrap();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command.spawn().unwrap()
}

impl Cluster {
    fn start(executors: usize) -> Self {
        Self::with(executors, &[])
    }

    /// One whose processes have variables in their environment.
    pub(crate) fn with(executors: usize, environment: &[(String, String)]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), ports());
        let options = [format!("--port={port}"), "--lost-after=4".into()];
        let scheduler = env!("CARGO_BIN_EXE_aster-scheduler");
        let scheduler =
            start(scheduler, &options, environment, folder.path().join("scheduler.log"));
        let environment = environment.to_vec();
        let mut cluster = Self { scheduler, port, executors: vec![], environment, folder };
        for _ in 0..executors {
            cluster.add();
        }
        cluster
    }

    fn add(&mut self) {
        let number = self.executors.len();
        let options = [
            format!("--port={}", ports()),
            format!("--scheduler-port={}", self.port),
            format!("--folder={}", self.work(number).display()),
            "--heartbeat=1".into(),
            "--tasks=1".into(),
        ];
        std::fs::create_dir(self.work(number)).unwrap();
        let log = self.folder.path().join(format!("executor {number}.log"));
        let executor = env!("CARGO_BIN_EXE_aster-executor");
        self.executors.push(start(executor, &options, &self.environment, log));
    }

    fn work(&self, executor: usize) -> PathBuf {
        self.folder.path().join(format!("executor {executor}"))
    }

    /// Connects, when the scheduler is there.
    pub(crate) async fn connect(&self, functions: &Functions) -> SessionContext {
        let started = Instant::now();
        while TcpListener::bind(("127.0.0.1", self.port)).is_ok() {
            assert!(started.elapsed() < Duration::from_secs(60), "no scheduler");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let url = format!("df://127.0.0.1:{}", self.port);
        let context = connect(&url, functions).await.unwrap();
        context.sql("SET datafusion.execution.target_partitions = 12").await.unwrap();
        context
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.executors.iter_mut().chain([&mut self.scheduler]) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let counts = entries.flatten().map(|entry| match entry.path() {
        path if path.is_dir() => files(&path),
        _ => 1,
    });
    counts.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_gives_the_rows_of_one_process_also_when_an_executor_is_killed() {
    let cluster = &mut Cluster::start(2);
    let folder = tempfile::tempdir().unwrap();
    let (pumps, stored) = (fleet::write(folder.path(), 200, 8), fleet::stored(&folder));
    let query = fleet::query(&stored);
    let context = cluster.connect(&Functions::default()).await;
    fleet::register(&context, &pumps).await;
    score::check(&fleet::rows(&context, &query).await, 200);

    let before = files(&cluster.work(1));
    assert!(before > 0, "one of the executors did all the work");
    let running = tokio::spawn(async move { fleet::rows(&context, &query).await });
    // It has results that others need, and there is more to do.
    while files(&cluster.work(1)) == before && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cluster.executors[1].kill().unwrap();
    assert!(!running.is_finished(), "the query was over before the kill");
    score::check(&running.await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_trains_too() {
    let cluster = Cluster::start(1);
    let folder = tempfile::tempdir().unwrap();
    let context = cluster.connect(&Functions::default()).await;
    fleet::register(&context, &fleet::write(folder.path(), 4, 2)).await;
    let sql = format!(
        "SELECT pump, aster_put('{}/' || pump, aster_train('{}', time, flow, pressure, speed))
             AS fingerprint
         FROM pumps GROUP BY pump ORDER BY pump",
        folder.path().display(),
        fleet::QUICK
    );
    let table = fleet::rows(&context, &sql).await;
    assert_eq!(fleet::texts(&table, "pump"), [0, 1, 2, 3].map(fleet::name));
    let fingerprints = fleet::texts(&table, "fingerprint");
    for (pump, fingerprint) in fingerprints.iter().enumerate() {
        let bytes = std::fs::read(folder.path().join(fleet::name(pump))).unwrap();
        let detector = Detector::from_bytes(&bytes, &Device::flex()).unwrap();
        assert_eq!(detector.fingerprint(), fingerprint);
        assert_eq!(detector.channels(), ["flow", "pressure", "speed"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_an_executor_comes_back() {
    let cluster = Cluster::start(1);
    let folder = tempfile::tempdir().unwrap();
    let context = cluster.connect(&Functions::default()).await;
    fleet::register(&context, &fleet::write(folder.path(), 1, 1)).await;
    let error = fleet::error(&context, &fleet::query("/nowhere/pumps.aster")).await;
    assert!(error.contains("/nowhere/pumps.aster"), "{error}");
}
