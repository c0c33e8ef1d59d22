//! A detector in use: attribution, drift, refitting, files, many threads.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, mpsc};

use aster_base::Configure;
use aster_data::{
    AnomalyKind, Clock, Columns, DataError, ParquetRows, ScoreTable, SyntheticConfig,
    SyntheticSplit, TimeSeries,
};
use aster_detect::{
    Alarm, AsterConfig, Attribution, DetectError, Detector, ScoreFileConfig, Source,
};
use aster_train::{TrainError, fit, refit};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

const CHANNELS: usize = 6;

fn generate(seed: u64) -> SyntheticSplit {
    let kinds = vec![AnomalyKind::Spike, AnomalyKind::LevelShift, AnomalyKind::Trend];
    let anomalies = 20;
    let config =
        SyntheticConfig { seed, kinds, anomalies, channels: CHANNELS, ..Default::default() };
    config.generate().unwrap()
}

fn split() -> &'static SyntheticSplit {
    static SPLIT: OnceLock<SyntheticSplit> = OnceLock::new();
    SPLIT.get_or_init(|| generate(0))
}

fn config(epochs: usize, steps: usize) -> AsterConfig {
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch) = (epochs, steps);
    config
}

fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| fit(&config(4, 50), &split().train, &Device::flex()).unwrap())
}

#[test]
fn an_anomaly_is_attributed_to_its_channels() {
    let split = split();
    let hit_rate = |attribution| {
        let hits = split.injections.iter().filter(|injection| {
            let contributions =
                detector().attribute(&split.test, injection.rows.clone(), attribution).unwrap();
            assert_eq!(contributions.len(), CHANNELS);
            let total: f64 = contributions.iter().map(|it| it.share).sum();
            assert!((total - 1.0).abs() < 1e-9, "{attribution:?}: {total}");
            assert!(contributions.windows(2).all(|pair| pair[0].share >= pair[1].share));
            let moved = injection.channels.iter().map(|c| &split.test.channels()[*c]);
            moved.into_iter().any(|name| *name == contributions[0].channel)
        });
        hits.count() as f64 / split.injections.len() as f64
    };
    let of_chance: usize = split.injections.iter().map(|x| x.channels.len()).sum();
    let of_chance = of_chance as f64 / (split.injections.len() * CHANNELS) as f64;
    println!("top-1 hit rate; by chance {of_chance:.2}");
    for (attribution, least) in [
        (Attribution::Reconstruction, 0.9),
        (Attribution::Occlusion, 0.9),
        (Attribution::GradientInput, of_chance),
    ] {
        let rate = hit_rate(attribution);
        println!("{attribution:?}: {rate:.2}");
        assert!(rate >= least, "{attribution:?}: {rate}");
    }
}

#[test]
fn the_shares_of_the_reconstruction_are_those_of_the_score() {
    // With one channel nothing else contributes, wherever the rows lie.
    let split = SyntheticConfig { channels: 1, train_rows: 400, ..Default::default() };
    let split = split.generate().unwrap();
    let detector = fit(&config(1, 5), &split.train, &Device::flex()).unwrap();
    for rows in [0..1, 700..731, split.test.rows() - 3..split.test.rows()] {
        for attribution in
            [Attribution::Reconstruction, Attribution::GradientInput, Attribution::Occlusion]
        {
            let contributions = detector.attribute(&split.test, rows.clone(), attribution).unwrap();
            let share = contributions[0].share;
            // Its reconstruction may explain a normal row no better than it does itself.
            assert!(share == 1.0 || attribution == Attribution::Occlusion && share == 0.0);
        }
    }
}

#[test]
fn gradients_count_each_row_once() {
    let (test, window) = (&split().test, detector().config().model.window);
    // The second of the two windows that cover these rows is moved back to end with the series.
    let rows = test.rows() - window - 3..test.rows();
    let found = detector().attribute(test, rows.clone(), Attribution::GradientInput).unwrap();

    let scaled = detector().trained_model().scaler.transform(test).unwrap();
    let device = Device::flex().autodiff();
    let model = detector().model().clone().fork(&device);
    let mut expected = [0.0; CHANNELS];
    for (start, counted) in [(rows.start, 0), (test.rows() - window, window - 3)] {
        let values = &scaled.values()[start * CHANNELS..(start + window) * CHANNELS];
        let data = TensorData::new(values.to_vec(), [1, window, CHANNELS]);
        let input = Tensor::<3>::from_data(data, &device).require_grad();
        let gradients = model.severity(input.clone()).sum().backward();
        let products = (input.grad(&gradients).unwrap() * input.inner()).abs();
        for (place, product) in products.into_data().iter::<f64>().enumerate() {
            if place / CHANNELS >= counted {
                expected[place % CHANNELS] += product;
            }
        }
    }
    let total: f64 = expected.iter().sum();
    for (channel, name) in test.channels().iter().enumerate() {
        let share = found.iter().find(|it| it.channel == *name).unwrap().share;
        approx::assert_relative_eq!(share, expected[channel] / total, epsilon = 1e-4);
    }
}

#[test]
fn rows_and_methods_that_are_not_there_are_errors() {
    let test = &split().test;
    for rows in [0..0, 0..test.rows() + 1, usize::MAX - 1..usize::MAX] {
        let result = detector().attribute(test, rows, Attribution::default());
        assert!(matches!(result, Err(DetectError::Data(_))));
    }
    let mut config = config(1, 2);
    config.score.components.truncate(1);
    config.score.components[0].source = Source::Classifier;
    let detector = fit(&config, &split().train, &Device::flex()).unwrap();
    let error = detector.attribute(test, 0..9, Attribution::Reconstruction).unwrap_err();
    assert!(matches!(error, DetectError::Setting(_)), "{error}");
    assert!(!detector.supports(Attribution::Reconstruction));
    detector.attribute(test, 0..9, Attribution::GradientInput).unwrap();
}

/// The first half of a series, and the second with a channel moved.
fn moved(series: &TimeSeries) -> [TimeSeries; 2] {
    let half = series.rows() / 2;
    let (first, second) = (series.slice(0..half).unwrap(), series.slice(half..2 * half).unwrap());
    let mut values = second.values().to_vec();
    values.iter_mut().skip(2).step_by(CHANNELS).for_each(|value| *value += 20.0);
    [first, TimeSeries::new(series.channels().to_vec(), values).unwrap()]
}

#[test]
fn what_has_moved_since_training_is_named() {
    let [same, other] = moved(&generate(0).train);
    let stability = |series: &TimeSeries| {
        detector().stability(series, &detector().score(series).unwrap()).unwrap()
    };
    let (same, other) = (stability(&same), stability(&other));
    assert!(same.channels.iter().all(|(_, index)| *index < 0.25), "{same:?}");
    assert_eq!(other.channels[0].0, "sensor_2");
    assert!(other.channels[0].1 > 1.0 && other.channels[1].1 < 0.25, "{other:?}");
    assert!(other.scores > 1.0 && other.scores > same.scores, "{other:?}");
    let error = detector().stability(&split().test, &[1.0]).unwrap_err();
    assert!(matches!(error, DetectError::Data(_)), "{error}");
}

#[test]
fn a_refit_goes_on_from_what_was_learned() {
    let [_, other] = moved(&generate(0).train);
    let other = other.into_train();
    let settings = config(1, 5).train;
    let first = |detector: &Detector| detector.record().epochs[0].validation.reconstruction;
    let refitted = refit(detector(), &settings, &other).unwrap();
    let fresh = fit(&config(1, 5), &other, &Device::flex()).unwrap();
    let (warm, cold) = (first(&refitted), first(&fresh));
    assert!(warm < 0.7 * cold, "{warm} against {cold}");
    // The level of the moved channel is normal now.
    let mean = |scores: Vec<f32>| scores.iter().sum::<f32>() / scores.len() as f32;
    let (before, after) = (detector().score(&other).unwrap(), refitted.score(&other).unwrap());
    assert!(mean(after) < 0.5 * mean(before));

    let renamed = TimeSeries::from_slice(other.values(), CHANNELS).unwrap().into_train();
    let error = refit(detector(), &settings, &renamed).unwrap_err();
    assert!(matches!(error, TrainError::Data(_)), "{error}");
}

#[test]
fn alarms_are_lines_of_json() {
    let test = &split().test;
    let times = (0..test.rows() as i64).map(|row| 1_000 * row).collect();
    let found = detector().detect(&test.clone().with_timestamps(times).unwrap()).unwrap();
    let mut text = vec![];
    found.write_alarms(&mut text).unwrap();
    let lines = std::str::from_utf8(&text).unwrap().lines();
    let read: Vec<Alarm> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, found.alarms);
    let peak = |alarm: &Alarm| Clock::Counts.at(1_000 * alarm.interval.peak as i64);
    assert!(read.iter().all(|alarm| alarm.interval.times.unwrap().peak_time == peak(alarm)));
}

#[test]
fn a_file_is_scored_in_parts_and_goes_on_after_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["rows.parquet", "scores.parquet"].map(|name| folder.path().join(name));
    let test = &split().test;
    let times = (0..test.rows() as i64).map(|row| 5 * row).collect();
    test.clone().with_timestamps(times).unwrap().write_parquet(&input).unwrap();

    let columns = Columns::with(|it| it.time = Some("time".into()));
    let file = ScoreFileConfig::with(|it| (it.columns, it.rows) = (columns, 300));
    let detector = fit(&config(1, 20), &split().train, &Device::flex()).unwrap();
    let detector = Arc::new(detector);
    let score = || detector.score_parquet(&input, &output, &file);
    let parts = folder.path().join("scores.parquet.parts");
    let obstacle = parts.join("part-000003.parquet");
    std::fs::create_dir_all(&obstacle).unwrap();
    // Where a part is gone, as after an interrupted clean-up, the file is scored anew.
    for gone in ["part-000000.parquet", "part-000001.parquet"] {
        let error = score().unwrap_err();
        assert!(matches!(error, DetectError::Data(DataError::Io { .. })), "{error}");
        std::fs::remove_file(parts.join(gone)).unwrap();
    }
    score().unwrap_err();
    std::fs::remove_dir(&obstacle).unwrap();
    assert!(!output.exists());
    // The first part is not made again: what is put in its place comes out.
    let first = parts.join("part-000000.parquet");
    let rows = ParquetRows::open(&first, &["score".into()], &Columns::default()).unwrap().rows();
    // 34 windows of 32 rows end in it: rows of which none of them is the last wait for later windows.
    assert_eq!(rows, 34 * 8 - (detector.latency() - 31));
    let mark = vec![77.0; rows];
    let times = Some((0..rows as i64).map(|row| 5 * row).collect());
    let (clock, alarms) = (Clock::Counts, vec![false; rows]);
    let table = ScoreTable { times, clock, scores: mark.clone(), thresholds: mark, alarms };
    table.write_parquet(&first).unwrap();
    let scored = score().unwrap();
    assert_eq!((scored.rows, scored.held), (test.rows(), 0));
    assert!(!parts.exists());
    let expected = detector.detect(test).unwrap();
    let names = ["score", "threshold", "alarm"].map(String::from);
    let columns = Columns::with(|it| it.time = Some("time".into()));
    let written = ParquetRows::open(&output, &names, &columns).unwrap();
    assert_eq!(written.rows(), test.rows());
    let block = written.read(0..test.rows()).unwrap();
    assert!(block.times.unwrap().iter().zip(0..).all(|(time, row)| *time == 5 * row));
    assert!(block.values[..3 * rows].chunks(3).all(|values| values == [77.0, 77.0, 0.0]));
    for (row, values) in block.values.chunks(3).enumerate().skip(rows) {
        let (score, threshold) = (expected.scores[row].into(), expected.thresholds[row].into());
        approx::assert_relative_eq!(values[0], score, epsilon = 1e-5, max_relative = 1e-5);
        approx::assert_relative_eq!(values[1], threshold, epsilon = 1e-5, max_relative = 1e-5);
    }
    let alarms = (0..test.rows()).filter(|row| expected.scores[*row] >= expected.thresholds[*row]);
    assert_eq!(scored.alarms, alarms.count());
}

#[test]
fn a_half_scored_file_of_other_rows_or_of_another_detector_is_scored_anew() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["rows.parquet", "scores.parquet"].map(|name| folder.path().join(name));
    let write = |series: &TimeSeries| series.write_parquet(&input).unwrap();
    let file = ScoreFileConfig::with(|it| it.rows = 300);
    let obstacle = folder.path().join("scores.parquet.parts/part-000003.parquet");
    let interrupted = |detector: &Arc<Detector>| {
        std::fs::create_dir_all(&obstacle).unwrap();
        detector.score_parquet(&input, &output, &file).unwrap_err();
        std::fs::remove_dir(&obstacle).unwrap();
    };
    let scores = |detector: &Arc<Detector>, series: &TimeSeries| {
        detector.score_parquet(&input, &output, &file).unwrap();
        let read = ParquetRows::open(&output, &["score".into()], &Columns::default()).unwrap();
        let found = read.read(0..series.rows()).unwrap().values;
        for (found, expected) in found.iter().zip(detector.score(series).unwrap()) {
            let expected = f64::from(expected);
            approx::assert_relative_eq!(*found, expected, epsilon = 1e-5, max_relative = 1e-5);
        }
    };
    let detector = Arc::new(detector().clone());
    // As many rows, in another order.
    let plain: Vec<f64> = split().test.values().to_vec();
    let series = TimeSeries::new(split().test.channels().to_vec(), plain.clone()).unwrap();
    let swapped = plain.chunks(CHANNELS).rev().flatten().copied().collect();
    let other = TimeSeries::new(split().test.channels().to_vec(), swapped).unwrap();
    write(&series);
    interrupted(&detector);
    write(&other);
    scores(&detector, &other);

    interrupted(&detector);
    let mut score = detector.config().score.clone();
    score.components.truncate(1);
    let recalibrated = Arc::new(detector.recalibrate(&score, &split().train).unwrap());
    scores(&recalibrated, &other);
}

/// `ASTER_THREADS=32` for more of them.
#[test]
fn one_detector_serves_many_threads() {
    let threads: usize = std::env::var("ASTER_THREADS").map_or(8, |count| count.parse().unwrap());
    let test = &split().test;
    let requests: Vec<_> = (0..4 * threads).map(|i| 40 * i % 1500..40 * i % 1500 + 100).collect();
    let score =
        |rows: std::ops::Range<usize>| detector().score(&test.slice(rows).unwrap()).unwrap();
    let expected: Vec<_> = requests.iter().cloned().map(score).collect();
    let (sender, queue) = mpsc::channel();
    let queue = Mutex::new(queue);
    requests.into_iter().enumerate().for_each(|request| sender.send(request).unwrap());
    drop(sender);
    let answers = std::thread::scope(|scope| {
        let work = || {
            let next = || queue.lock().unwrap().recv().ok();
            std::iter::from_fn(next).map(|(i, rows)| (i, score(rows))).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<HashMap<_, _>>()
    });
    assert_eq!(answers.len(), expected.len());
    assert!(expected.iter().enumerate().all(|(i, scores)| answers[&i] == *scores));
}
