//! Trainings that are killed, damaged or stopped go on and end as if nothing had happened.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aster_base::Configure;
use aster_data::{ScalerConfig, ScalerKind, SyntheticConfig, SyntheticSplit, TimeSeries};
use aster_detect::{AsterConfig, Detector, EpochRecord, Losses, Rollback, ScoreFileConfig};
use aster_eval::ThresholdRule;
use aster_train::{CancelToken, Observer, Strategy, TrainError, Trainer};
use burn::tensor::Device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const FOLDER: &str = "ASTER_TEST_FOLDER";
const KILLS: &str = "ASTER_KILLS";

fn split() -> SyntheticSplit {
    let config = SyntheticConfig { train_rows: 400, channels: 2, ..Default::default() };
    config.generate().unwrap()
}

/// With dropout, whose noise must not depend on interruptions either.
fn config() -> AsterConfig {
    let mut config = AsterConfig::default();
    config.model.window = 8;
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) = (12, 4, 16);
    (config.train.patience, config.train.validation_windows) = (None, 16);
    config.model.decoder.dropout = 0.1;
    config
}

fn checkpointed(config: AsterConfig, folder: &Path) -> Trainer {
    let strategy = Strategy::Single(Device::flex().autodiff());
    Trainer::new(config, strategy).with_checkpoints(folder.join("checkpoints"))
}

fn fit(folder: &Path) -> Result<Detector, TrainError> {
    checkpointed(config(), folder).fit(&split().train)
}

/// Not a test but the process that is killed: trains in a folder and saves the detector there.
#[test]
#[ignore = "trains until it is killed"]
fn train() {
    let folder = std::env::var(FOLDER).unwrap();
    let folder = Path::new(&folder);
    fit(folder).unwrap().save(folder.join("detector")).unwrap();
}

/// Another: scores a file there.
#[test]
#[ignore = "scores until it is killed"]
fn score() {
    let folder = std::env::var(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let detector = Detector::load(folder.join("detector"), &Device::flex()).unwrap();
    let config = ScoreFileConfig::with(|it| it.rows = 300);
    let [rows, scores] = ["rows.parquet", "scores.parquet"].map(|name| folder.join(name));
    let scored = Arc::new(detector).score_parquet(rows, scores, &config).unwrap();
    assert_eq!(scored.rows, ROWS);
}

/// A third, which has no temporary folder.
#[test]
#[ignore = "needs a system without a temporary folder"]
fn nowhere() {
    let trainer = Trainer::new(config(), Strategy::Single(Device::flex().autodiff()));
    let error = trainer.fit(&split().train).unwrap_err();
    assert!(matches!(error, TrainError::NotWritable { .. }), "{error}");
    assert!(error.to_string().contains("with_checkpoints"), "{error}");
}

#[test]
fn a_training_without_a_place_for_checkpoints_says_so_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let mut child = command("nowhere", folder.path());
    assert!(child.env("TMPDIR", &absent).status().unwrap().success());
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = checkpointed(config(), &file).fit(&split().train).unwrap_err();
    assert!(matches!(error, TrainError::NotWritable { .. }), "{error}");
}

/// Rows of the file.
const ROWS: usize = 12_000;

fn start(folder: &Path) -> Child {
    start_work("train", folder)
}

fn start_work(work: &str, folder: &Path) -> Child {
    command(work, folder).spawn().unwrap()
}

fn command(work: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    // Uncaptured: why it failed would be lost with its standard output.
    command.args([work, "--exact", "--ignored", "--nocapture"]).env(FOLDER, folder);
    command.stdout(Stdio::null());
    command
}

/// The scores, bit for bit, and the losses of all epochs.
fn result(folder: &Path) -> (Vec<f32>, Vec<EpochRecord>) {
    let detector = Detector::load(folder.join("detector"), &Device::flex()).unwrap();
    let scores = detector.score(&split().test).unwrap();
    (scores, detector.record().epochs.clone())
}

/// Trains in processes of their own, since weights are drawn from a state of the whole one.
fn uninterrupted() -> (Vec<f32>, Vec<EpochRecord>) {
    let folder = tempfile::tempdir().unwrap();
    assert!(start(folder.path()).wait().unwrap().success());
    result(folder.path())
}

#[test]
fn a_training_killed_at_random_moments_ends_as_if_it_had_not_been() {
    let expected = uninterrupted();
    let (mut kills, mut rng) = (0, StdRng::seed_from_u64(1));
    while kills < wanted() {
        let folder = tempfile::tempdir().unwrap();
        kills += kill_at_random("train", folder.path(), wanted() - kills, &mut rng);
        assert_eq!(result(folder.path()), expected);
    }
    println!("killed {kills} times");
}

fn wanted() -> usize {
    std::env::var(KILLS).map_or(5, |kills| kills.parse().unwrap())
}

/// Kills work at random moments, at most so many times, and starts it again until it is done.
fn kill_at_random(work: &str, folder: &Path, most: usize, rng: &mut StdRng) -> usize {
    let mut kills = 0;
    loop {
        let mut child = start_work(work, folder);
        std::thread::sleep(Duration::from_millis(rng.random_range(20..600)));
        if kills == most || child.try_wait().unwrap().is_some() {
            assert!(child.wait().unwrap().success());
            return kills;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
}

#[test]
fn the_scoring_of_a_file_killed_at_random_moments_gives_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    fit(folder.path()).unwrap().save(folder.path().join("detector")).unwrap();
    let test = split().test;
    let rows: Vec<&[f64]> = (0..ROWS).map(|row| test.row(row % test.rows())).collect();
    let long = TimeSeries::from_rows(test.channels().to_vec(), &rows).unwrap();
    long.write_parquet(folder.path().join("rows.parquet")).unwrap();
    let output = folder.path().join("scores.parquet");
    assert!(start_work("score", folder.path()).wait().unwrap().success());
    let expected = std::fs::read(&output).unwrap();

    let (mut kills, mut rng) = (0, StdRng::seed_from_u64(2));
    while kills < wanted() {
        std::fs::remove_file(&output).unwrap();
        kills += kill_at_random("score", folder.path(), wanted() - kills, &mut rng);
        assert!(std::fs::read(&output).unwrap() == expected);
    }
    println!("killed {kills} times");
}

#[test]
fn damaged_checkpoints_are_passed_over() {
    let expected = uninterrupted();
    for (part, damage) in [("model", 9), ("optimizer", 99), ("state", 0), ("manifest", 40)] {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = folder.path().join("checkpoints");
        let mut child = start(folder.path());
        while !checkpoints.join("epoch-4").join("manifest.json").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let newest = (4..=12).rev().map(|epoch| checkpoints.join(format!("epoch-{epoch}")));
        let newest = newest.into_iter().find(|path| path.join("manifest.json").exists()).unwrap();
        let files = newest.read_dir().unwrap().map(|entry| entry.unwrap().path());
        let named = |path: &std::path::PathBuf| {
            path.file_name().unwrap().to_str().unwrap().starts_with(part)
        };
        let file = files.into_iter().find(named).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[damage] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert!(start(folder.path()).wait().unwrap().success());
        assert_eq!(result(folder.path()), expected, "{part}");
    }
}

/// `ASTER_SMALL_DISK` names a folder on a file system of a few megabytes, which
/// `scripts/faults.sh` makes.
#[test]
fn a_full_disk_ends_training_with_an_error_and_loses_nothing() {
    let Ok(disk) = std::env::var("ASTER_SMALL_DISK") else {
        println!("skipped: ASTER_SMALL_DISK names no small file system");
        return;
    };
    let folder = Path::new(&disk);
    let ballast = folder.join("ballast");
    // Room for one checkpoint, for a part of one, for nothing.
    for room in [3_000_000, 2_500_000, 1_500_000, 900_000, 100_000, 100] {
        for left in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            let _ = std::fs::remove_dir_all(&left).or_else(|_| std::fs::remove_file(&left));
        }
        fill(&ballast, room);
        let error = fit(folder).unwrap_err();
        println!("{room} bytes: {error}");
        let TrainError::Stopped { checkpoint, .. } = error else { panic!("{error}") };
        assert_eq!(checkpoint.is_some(), folder.join("checkpoints/epoch-1/manifest.json").exists());
        std::fs::remove_file(&ballast).unwrap();
        let detector = fit(folder).unwrap();
        assert_eq!(detector.record().epochs.len(), 12);
        detector.save(folder.join("detector")).unwrap();
        // A detector that cannot be replaced stays.
        fill(&ballast, 0);
        assert!(detector.save(folder.join("detector")).is_err());
        Detector::load(folder.join("detector"), &Device::flex()).unwrap();
    }
}

/// Fills the disk with a file, up to some bytes.
fn fill(path: &Path, room: u64) {
    let mut file = std::fs::File::create(path).unwrap();
    while file.write(&[0; 64]).is_ok_and(|written| written > 0) {}
    file.set_len(file.metadata().unwrap().len().saturating_sub(room)).unwrap();
}

#[test]
fn a_finished_training_is_not_done_again_and_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = fit(folder.path()).unwrap();
    let again = fit(folder.path()).unwrap();
    assert_eq!(first.record(), again.record(), "with its seconds");
    let test = split().test;
    assert_eq!(first.score(&test).unwrap(), again.score(&test).unwrap());

    let mut other = config();
    other.train.seed = 1;
    let error = checkpointed(other, folder.path()).fit(&split().train).unwrap_err();
    assert!(matches!(error, TrainError::OtherTraining { .. }), "{error}");
    let rows = split().train.slice(0..399).unwrap().into_train();
    let error = checkpointed(config(), folder.path()).fit(&rows).unwrap_err();
    assert!(matches!(error, TrainError::OtherTraining { .. }), "{error}");
}

#[test]
fn a_finished_training_stays_usable_when_what_is_decided_after_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let first = fit(folder.path()).unwrap();
    let mut other = config();
    other.threshold = ThresholdRule::Fixed { value: 7.0 };
    (other.alarm.k, other.alarm.n, other.drift, other.score.stride) = (2, 3, None, Some(8));
    let again = checkpointed(other, folder.path()).fit(&split().train).unwrap();
    assert_eq!(first.record(), again.record(), "it was not trained again");
    assert_eq!(again.threshold(), 7.0);
    assert_eq!((again.config().alarm.n, again.config().score.stride), (3, Some(8)));
}

#[test]
fn a_bad_threshold_rule_is_told_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let mut bad = config();
    bad.threshold = ThresholdRule::Pot { initial: 0.9, risk: 2.0 };
    let error = checkpointed(bad, folder.path()).fit(&split().train).unwrap_err();
    assert!(error.to_string().starts_with("threshold.pot.risk: expected"), "{error}");
    assert!(!folder.path().join("checkpoints").exists(), "nothing was begun");
}

#[test]
fn checkpoints_do_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let best = fit(folder.path()).unwrap().record().best_epoch;
    let entries = folder.path().join("checkpoints").read_dir().unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut expected: Vec<_> = [11, 12, best].map(|epoch| format!("epoch-{epoch}")).into();
    for names in [&mut names, &mut expected] {
        names.sort();
        names.dedup();
    }
    assert_eq!(names, expected);
}

/// Stops after so many epochs, and remembers what it hears.
struct Stop {
    after: usize,
    sender: std::sync::mpsc::Sender<Heard>,
}

#[derive(Debug, PartialEq)]
enum Heard {
    Steps(usize, usize),
    Epoch(EpochRecord),
    Rollback(Rollback),
}

impl Observer for Stop {
    fn step(&mut self, losses: &Losses, done: usize, of: usize) {
        assert!(losses.total > 0.0);
        self.sender.send(Heard::Steps(done, of)).unwrap();
    }

    fn epoch(&mut self, record: &EpochRecord) -> ControlFlow<()> {
        self.sender.send(Heard::Epoch(*record)).unwrap();
        match record.epoch < self.after {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }

    fn rollback(&mut self, rollback: &Rollback) {
        self.sender.send(Heard::Rollback(*rollback)).unwrap();
    }
}

fn trainer(
    config: AsterConfig,
    folder: &Path,
    after: usize,
) -> (Trainer, std::sync::mpsc::Receiver<Heard>) {
    let (sender, heard) = std::sync::mpsc::channel();
    (checkpointed(config, folder).with_observer(Stop { after, sender }), heard)
}

#[test]
fn an_observer_hears_of_steps_and_epochs_and_may_stop_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let (trainer, heard) = trainer(config(), folder.path(), 3);
    let detector = trainer.fit(&split().train).unwrap();
    let heard: Vec<_> = heard.iter().collect();
    let steps = heard.iter().filter(|heard| matches!(heard, Heard::Steps(..))).count();
    assert_eq!(steps, 3 * 4);
    assert!(heard.contains(&Heard::Steps(3 * 4 * 16, 12 * 4 * 16)));
    let records = &detector.record().epochs;
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| heard.contains(&Heard::Epoch(*record))));
}

#[test]
fn a_training_that_diverges_goes_back_at_a_lower_rate_so_many_times() {
    let mut values: Vec<f32> = (0..250).map(|i| (i % 7) as f32 * 1e-30).collect();
    values[100] = 1.0;
    let train = TimeSeries::from_slice(&values, 1).unwrap().into_train();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.scaler = ScalerConfig { kind: ScalerKind::Robust, asinh: false };
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) = (300, 1, 1);
    let (trainer, heard) = trainer(config, folder.path(), 300);
    let error = trainer.fit(&train).unwrap_err();
    let TrainError::NonFinite { step, .. } = error else { panic!("{error}") };
    // No rate helps against a value that overflows: the same step, again and again.
    let rollbacks = heard.iter().filter_map(|heard| match heard {
        Heard::Rollback(rollback) => Some((rollback.step, rollback.learning_rate)),
        _ => None,
    });
    let rollbacks: Vec<_> = rollbacks.collect();
    assert_eq!(rollbacks.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [step, step]);
    approx::assert_relative_eq!(rollbacks[0].1, 3e-4, max_relative = 1e-9);
    approx::assert_relative_eq!(rollbacks[1].1, 9e-5, max_relative = 1e-9);
}

/// Cancels in the middle of an epoch, and writes down what it is told.
struct Cancels {
    token: CancelToken,
    after: usize,
    told: Arc<Mutex<Vec<String>>>,
}

impl Observer for Cancels {
    fn step(&mut self, _: &Losses, done: usize, _: usize) {
        if done >= self.after {
            self.token.cancel();
        }
    }

    fn cancelled(&mut self, epochs: &[EpochRecord], checkpoints: Option<&Path>) {
        self.told.lock().unwrap().push(format!("{} {}", epochs.len(), checkpoints.is_some()));
    }
}

#[test]
fn a_cancelled_training_keeps_the_best_epoch_and_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(vec![]));
    let stopped = |after| {
        let token = CancelToken::default();
        let cancels = Cancels { token: token.clone(), after, told: told.clone() };
        let trainer = checkpointed(config(), folder.path()).with_observer(cancels);
        trainer.with_cancel_token(token).fit(&split().train)
    };
    // An epoch has 64 windows.
    let error = stopped(10).unwrap_err();
    assert!(matches!(error, TrainError::Stopped { checkpoint: None, .. }), "{error}");
    let early = stopped(150).unwrap();
    assert_eq!(*told.lock().unwrap(), ["0 true", "2 true"]);
    assert_eq!(early.record().epochs.len(), 2);
    early.save(folder.path().join("detector")).unwrap();
    let (scores, epochs) = result(folder.path());
    assert_eq!(early.score(&split().test).unwrap(), scores);
    let whole = fit(folder.path()).unwrap();
    assert_eq!(whole.record().epochs[..2], epochs);
    assert_eq!(whole.record().epochs.len(), 12);
}
