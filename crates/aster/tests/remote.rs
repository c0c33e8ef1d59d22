//! Training on the devices of two other processes, and what happens when one dies.
#![cfg(all(feature = "remote", feature = "train"))]
#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt
#![recursion_limit = "256"]

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use aster::data::{SyntheticConfig, SyntheticSplit};
use aster::detect::EpochRecord;
use aster::train::{Observer, Strategy, TrainError, Trainer};
use aster::{AsterConfig, Backend, Device, DeviceChoice, device, fit};
use burn::server::{RemoteServer, WebSocketTransport};

const PORT: &str = "ASTER_TEST_PORT";
const CHANNELS: usize = 2;

/// Not a test but the server's process, which [`Server::start`] runs.
#[test]
#[ignore = "serves until it is killed"]
fn serve() {
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    let flex = device(Backend::Flex).unwrap();
    RemoteServer::new([flex]).serve(WebSocketTransport::new(port)).unwrap();
}

/// A process that serves its CPU, until dropped.
struct Server(Child, u16);

impl Server {
    fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let serve = Command::new(std::env::current_exe().unwrap())
            .args(["serve", "--exact", "--ignored"])
            .env(PORT, free.to_string())
            .spawn();
        Self(serve.unwrap(), free)
    }

    /// Its device, once it answers.
    fn device(&self) -> Device {
        let url = format!("ws://127.0.0.1:{}", self.1);
        let started = Instant::now();
        loop {
            match device(DeviceChoice::Remote { url: url.clone(), index: 0 }) {
                Ok(device) => return device,
                Err(error) if started.elapsed() > Duration::from_secs(30) => panic!("{error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn split() -> SyntheticSplit {
    let data = SyntheticConfig { train_rows: 300, channels: CHANNELS, ..Default::default() };
    data.generate().unwrap()
}

/// Every epoch is one step, so that the windows of a step are the same however many
/// devices share them.
fn config(epochs: usize, batch: usize) -> AsterConfig {
    let mut config = AsterConfig::default();
    config.model.window = 8;
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) =
        (epochs, 1, batch);
    (config.train.patience, config.train.validation_windows) = (None, 8);
    config
}

fn on_both(devices: &[Device]) -> Strategy {
    Strategy::Multi(devices.iter().map(|device| device.clone().autodiff()).collect())
}

#[test]
fn two_remote_devices_train_as_one_with_twice_the_batch() {
    let servers = [Server::start(), Server::start()];
    let devices = servers.each_ref().map(Server::device);
    let split = split();
    let one = fit(&config(4, 8), &split.train, &devices[0]).unwrap();
    let two = Trainer::new(config(4, 4), on_both(&devices)).fit(&split.train).unwrap();

    for (a, b) in one.record().epochs.iter().zip(&two.record().epochs) {
        let gap = (a.validation.total - b.validation.total).abs();
        assert!(gap < 1e-4 * a.validation.total, "{a:?} against {b:?}");
    }
    let (a, b) = (one.score(&split.test).unwrap(), two.score(&split.test).unwrap());
    let gap = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let size = a.iter().copied().fold(0.0, f32::max);
    assert!(gap < 1e-2 * size, "scores up to {size} are {gap} apart");
}

#[test]
fn a_device_that_dies_ends_training_with_an_error_and_a_usable_checkpoint() {
    let servers = [Server::start(), Server::start()];
    let devices = servers.each_ref().map(Server::device);
    let folder = tempfile::tempdir().unwrap();
    let config = config(100_000, 4);
    let trainer = Trainer::new(config.clone(), on_both(&devices)).with_checkpoints(folder.path());
    let training = std::thread::spawn(move || trainer.fit(&split().train));

    let [_first, second] = servers;
    wait_for(&folder.path().join("epoch-1"));
    drop(second);
    let killed = Instant::now();
    let error = training.join().unwrap().unwrap_err();
    assert!(killed.elapsed() < Duration::from_secs(60), "it hung");
    let TrainError::Stopped { checkpoint: Some(path), .. } = error else { panic!("{error}") };
    let epochs = path.to_str().unwrap().rsplit_once("epoch-").unwrap().1.parse::<usize>().unwrap();

    // What is left goes on without the device that died.
    let flex = Strategy::Single(device(Backend::Flex).unwrap().autodiff());
    let trainer = Trainer::new(config, flex).with_checkpoints(folder.path());
    let detector = trainer.with_observer(OneEpoch).fit(&split().train).unwrap();
    assert_eq!(detector.record().epochs.len(), epochs + 1);
}

struct OneEpoch;

impl Observer for OneEpoch {
    fn epoch(&mut self, _record: &EpochRecord) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

/// Until a checkpoint is in the folder.
fn wait_for(folder: &Path) {
    let started = Instant::now();
    while !folder.read_dir().is_ok_and(|mut files| files.next().is_some()) {
        assert!(started.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
}
