//! A broker as a process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aster_nats::async_nats::{self, jetstream::Context};
use tempfile::TempDir;

/// A broker that ends with the test, and keeps what it has over a restart.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
}

/// Says that there is no broker to test with.
pub(crate) fn missing() -> bool {
    let found = Command::new("nats-server").arg("--version").stdout(Stdio::null()).status();
    if found.is_err() {
        println!("skipped: nats-server is not installed (apt-get install nats-server)");
    }
    found.is_err()
}

fn start(port: u16, folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("server.log")).unwrap();
    let mut command = Command::new("nats-server");
    command.args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]).arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

impl Server {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        Self { process: start(port, folder.path()), port, folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn connect(&self) -> Context {
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect(self.url()).await.unwrap();
        while client.connection_state() != async_nats::connection::State::Connected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        async_nats::jetstream::new(client)
    }

    /// Kills it and starts it again.
    pub(crate) fn restart(&mut self, pause: Duration) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::thread::sleep(pause);
        self.process = start(self.port, self.folder.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A worker as a process, which ends with the test.
pub(crate) struct Worker {
    process: Child,
    log: PathBuf,
}

impl Worker {
    pub(crate) fn start(server: &Server, group: &str, number: usize, config: &str) -> Self {
        let file = server.folder.path().join(format!("worker-{number}.json"));
        std::fs::write(&file, config).unwrap();
        let log = server.folder.path().join(format!("worker-{number}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_aster-nats"));
        command.args(["work", "--group", group, "--server", &server.url(), "--config"]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(&log).unwrap());
        Self { process: command.spawn().unwrap(), log }
    }

    /// As `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// As `kill` does: it stores all there is, and gives its partitions back.
    pub(crate) fn stop(mut self) {
        let log = || std::fs::read_to_string(&self.log).unwrap();
        // Before its first words it waits for no signal.
        while log().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        let ended = self.process.wait().unwrap();
        assert!(ended.success(), "{ended}: {}", log());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
