//! Streams against finished series, policies, and what is kept over a restart.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

mod outputs;

use std::sync::{Arc, OnceLock};

use aster_base::Configure;
use aster_data::{Clock, SyntheticConfig, SyntheticSplit, TimeSeries};
use aster_detect::{
    Alarm, AlarmEvent, AsterConfig, Attribution, ComponentConfig, Contribution, DetectError,
    Detection, Detector, Notice, OnDuplicate, OnLate, OnMissing, Reason, Regular, Row, ScoreConfig,
    Smoothing, Source, StreamConfig, StreamOutput, StreamingDetector, Streams,
};
use aster_eval::{Acknowledgement, AlarmConfig, DriftConfig, IntervalTimes, ThresholdRule};
use burn::tensor::Device;
use outputs::extend;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn split() -> &'static SyntheticSplit {
    static SPLIT: OnceLock<SyntheticSplit> = OnceLock::new();
    SPLIT.get_or_init(|| {
        let sizes = SyntheticConfig { train_rows: 600, channels: 3, ..Default::default() };
        let split = sizes.generate().unwrap();
        SyntheticSplit { test: split.test.slice(0..700).unwrap(), ..split }
    })
}

fn fit(change: impl FnOnce(&mut AsterConfig)) -> Detector {
    let mut config = AsterConfig::default();
    (config.model.window, config.score.stride) = (16, Some(8));
    (config.train.epochs, config.train.steps_per_epoch, config.train.batch_size) = (1, 20, 16);
    config.alarm = AlarmConfig { k: 2, n: 3, join: 4, ..Default::default() };
    change(&mut config);
    aster_train::fit(&config, &split().train, &Device::flex()).unwrap()
}

fn detector() -> Arc<Detector> {
    static DETECTOR: OnceLock<Arc<Detector>> = OnceLock::new();
    DETECTOR.get_or_init(|| fit(|_| ()).into()).clone()
}

fn rows(series: &TimeSeries, rows: std::ops::Range<usize>) -> Vec<Row<'_>> {
    rows.map(|row| Row::new(Some(10 * row as i64), series.row(row))).collect()
}

fn stream(detector: &Arc<Detector>) -> StreamingDetector {
    StreamingDetector::new(detector.clone(), StreamConfig::default()).unwrap()
}

#[track_caller]
fn assert_same(found: &StreamOutput, expected: &Detection) {
    assert_eq!(found.scores.len(), expected.scores.len());
    let numbers = found.scores.iter().enumerate();
    assert!(numbers.clone().all(|(row, scored)| scored.row == row as u64));
    assert!(
        numbers
            .into_iter()
            .all(|(row, scored)| scored.time == Some(Clock::Counts.at(10 * row as i64)))
    );
    for (scored, (score, threshold)) in
        found.scores.iter().zip(expected.scores.iter().zip(&expected.thresholds))
    {
        approx::assert_relative_eq!(scored.score, score, epsilon = 1e-5, max_relative = 1e-5);
        approx::assert_relative_eq!(scored.threshold, threshold, max_relative = 1e-5);
    }
    let spans = |times: Option<IntervalTimes>| {
        times.map(|t| (t.start_time.timestamp(), t.last_time.timestamp()))
    };
    let closed: Vec<&Alarm> = found.closed().collect();
    for (found, expected) in closed.iter().zip(&expected.alarms) {
        assert_eq!(
            (found.number, found.rows(), found.interval.opened, found.interval.peak),
            (expected.number, expected.rows(), expected.interval.opened, expected.interval.peak)
        );
        approx::assert_relative_eq!(found.severity, expected.severity, epsilon = 1e-2);
        let (start, last) = (10 * found.rows().start as i64, 10 * (found.rows().end as i64 - 1));
        assert_eq!(spans(found.interval.times), Some((start, last)));
    }
    assert_eq!(closed.len(), expected.alarms.len());
}

/// Pushes rows in parts of random sizes.
fn pushed(detector: &Arc<Detector>, series: &TimeSeries, seed: u64) -> StreamOutput {
    let (mut stream, mut rng) = (stream(detector), StdRng::seed_from_u64(seed));
    let (mut found, mut next) = (StreamOutput::default(), 0);
    while next < series.rows() {
        let end = (next + rng.random_range(1..40)).min(series.rows());
        let more = stream.push(&rows(series, next..end)).unwrap();
        let latest = end as u64 - 1;
        extend(&mut found, more);
        // Whatever is older than the latency has its score.
        let due = (latest + 1).saturating_sub(stream.latency() as u64);
        assert!(found.scores.len() as u64 >= due, "{} of {due}", found.scores.len());
        next = end;
    }
    extend(&mut found, stream.finish());
    found
}

#[test]
fn a_stream_is_scored_as_the_series_that_it_has_become() {
    for length in [1, 2, 15, 16, 17, 23, 24, 25, 40, 100, 333, 700] {
        let series = split().test.slice(0..length).unwrap();
        let expected = detector().detect(&series).unwrap();
        assert_same(&pushed(&detector(), &series, length as u64), &expected);
    }
    assert!(!detector().detect(&split().test).unwrap().alarms.is_empty(), "nothing was compared");
}

#[test]
fn so_it_is_with_other_components_strides_and_averages() {
    let component = |source, rows| ComponentConfig::new(source, Smoothing::Rows(rows), 1.0);
    let all = [
        component(Source::Classifier, 7),
        component(Source::Reconstruction, 1),
        component(Source::RawReconstruction, 33),
    ];
    let series = &split().test;
    let detector = fit(|_| ());
    for (stride, latency, components) in [
        (1, None, &all[..]),
        (16, None, &all[..]),
        (5, None, &all[..1]),
        (7, None, &all[1..2]),
        (1, Some(0), &all[..]),
        (1, Some(4), &all[..]),
        (2, Some(8), &all[1..]),
        (3, Some(16), &all[..]),
    ] {
        let mut score = ScoreConfig::default();
        (score.stride, score.latency) = (Some(stride), latency);
        score.components = components.to_vec();
        let shared = Arc::new(detector.recalibrate(&score, &split().train).unwrap());
        let expected = shared.detect(series).unwrap();
        assert_same(&pushed(&shared, series, 1), &expected);
        if let Some(rows) = latency {
            assert_eq!(shared.latency(), rows, "the widest average takes what is left");
        }
    }
}

#[test]
fn a_stream_goes_on_where_it_was_saved() {
    let series = &split().test;
    let folder = tempfile::tempdir().unwrap();
    let mut found = StreamOutput::default();
    let mut live = stream(&detector());
    // Row by row at first, between windows too.
    let starts = (0..60).chain((60..series.rows()).step_by(90));
    for start in starts {
        let end = (start + if start < 60 { 1 } else { 90 }).min(series.rows());
        extend(&mut found, live.push(&rows(series, start..end)).unwrap());
        live.save(folder.path()).unwrap();
        live = StreamingDetector::load(detector(), folder.path()).unwrap();
    }
    assert_eq!(live.counts().rows, 700);
    extend(&mut found, live.finish());
    let mut never_saved = stream(&detector());
    let mut expected = never_saved.push(&rows(series, 0..700)).unwrap();
    extend(&mut expected, never_saved.finish());
    assert_eq!(found, expected);

    let other: Arc<_> = fit(|config| config.model.window = 32).into();
    let error = StreamingDetector::load(other, folder.path()).unwrap_err();
    assert!(matches!(error, DetectError::OtherDetector { .. }), "{error}");
    // Of the same shape, too.
    let other: Arc<_> = fit(|config| config.train.seed = 9).into();
    let error = StreamingDetector::load(other.clone(), folder.path()).unwrap_err();
    assert!(error.to_string().contains(other.fingerprint()), "{error}");
}

#[test]
fn many_streams_are_scored_as_each_alone() {
    let series = &split().test;
    let names: Vec<String> = (0..20).map(|number| format!("pump-{number}")).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut streams = Streams::new(detector(), StreamConfig::default()).unwrap();
    let mut found = vec![StreamOutput::default(); names.len()];
    for start in (0..200).step_by(25) {
        // Each is a few rows behind the one before.
        let of_stream = names.iter().enumerate().flat_map(|(number, name)| {
            let rows = rows(series, 20 * number..20 * number + 200);
            rows.into_iter().skip(start).take(25).map(move |row| (name.as_str(), row))
        });
        for (name, more) in streams.push(&of_stream.collect::<Vec<_>>()).unwrap() {
            let number = names.iter().position(|known| *known == name).unwrap();
            extend(&mut found[number], more);
        }
        streams.save(folder.path()).unwrap();
        streams = Streams::load(detector(), folder.path()).unwrap();
    }
    for (number, (name, mut found)) in names.iter().zip(found).enumerate() {
        extend(&mut found, streams.finish(name).unwrap());
        let alone = series.slice(20 * number..20 * number + 200).unwrap();
        let expected = detector().detect(&alone).unwrap();
        assert_eq!(found.scores.len(), 200);
        for (scored, score) in found.scores.iter().zip(&expected.scores) {
            approx::assert_relative_eq!(scored.score, score, epsilon = 1e-5, max_relative = 1e-5);
        }
    }
    assert_eq!(streams.counts().count(), 0);
    assert!(streams.finish("pump-0").is_none());
}

#[test]
fn a_stream_moves_from_one_set_to_another_by_itself() {
    let series = &split().test;
    let fresh = || Streams::new(detector(), StreamConfig::default()).unwrap();
    let (mut here, mut there, mut stays) = (fresh(), fresh(), fresh());
    for start in (0..400).step_by(50) {
        let rows: Vec<_> =
            rows(series, start..start + 50).into_iter().map(|it| ("a", it)).collect();
        assert_eq!(here.push(&rows).unwrap(), stays.push(&rows).unwrap());
        let state = here.to_bytes("a").unwrap().unwrap();
        there.insert("a", &state).unwrap();
        assert!(here.remove("a") && !here.remove("a"));
        std::mem::swap(&mut here, &mut there);
    }
    assert_eq!(here.finish("a"), stays.finish("a"));
    assert!(here.to_bytes("a").unwrap().is_none());

    let mut state = stays.to_bytes("b").unwrap();
    assert!(state.is_none());
    stays.push(&[("b", Row::new(None, series.row(0)))]).unwrap();
    state = stays.to_bytes("b").unwrap();
    let state = &mut state.unwrap();
    let other: Arc<_> = fit(|config| config.train.seed = 9).into();
    let error = Streams::new(other, StreamConfig::default()).unwrap().insert("b", state);
    assert!(matches!(error, Err(DetectError::OtherDetector { .. })), "{error:?}");
    let middle = state.len() / 2;
    state[middle] ^= 1;
    assert!(here.insert("b", state).is_err());
    assert_eq!(here.counts().count(), 0);
}

/// Pushes rows of these times, each with the values of its place; gives the times of the
/// scored rows.
fn times_of(
    config: StreamConfig,
    times: &[i64],
) -> (Result<Vec<i64>, DetectError>, StreamingDetector) {
    let mut stream = StreamingDetector::new(detector(), config).unwrap();
    let series = &split().test;
    let rows: Vec<_> = times
        .iter()
        .enumerate()
        .map(|(row, time)| Row::new(Some(*time), series.row(row)))
        .collect();
    let times = stream.push(&rows).map(|mut found| {
        extend(&mut found, stream.finish());
        found.scores.iter().map(|scored| scored.time.unwrap().timestamp()).collect()
    });
    (times, stream)
}

#[test]
fn late_and_duplicate_rows_are_dealt_with_as_declared() {
    let times = [10, 20, 20, 5, 6, 30];
    let policy = |late, duplicate| {
        let (times, stream) =
            times_of(StreamConfig::with(|it| (it.late, it.duplicate) = (late, duplicate)), &times);
        (times.map_err(|error| error.to_string()), stream.counts())
    };
    let (kept, counts) = policy(OnLate::Drop, OnDuplicate::Drop);
    assert_eq!(kept.unwrap(), [10, 20, 30]);
    assert_eq!((counts.rows, counts.dropped), (3, 3));
    let (kept, counts) = policy(OnLate::Restart, OnDuplicate::Keep);
    assert_eq!(kept.unwrap(), times);
    assert_eq!((counts.rows, counts.dropped, counts.restarts), (6, 0, 1));
    let (error, counts) = policy(OnLate::Drop, OnDuplicate::Reject);
    assert_eq!(error.unwrap_err(), "row 2 of those pushed: expected one row of time 20");
    assert_eq!(counts.rows, 0, "none was taken");
    let (error, _) = policy(OnLate::Reject, OnDuplicate::Drop);
    assert_eq!(error.unwrap_err(), "row 3 of those pushed: expected a time after 20, got 5");
}

#[test]
fn short_gaps_are_filled_and_long_ones_begin_a_new_series() {
    let regular = Some(Regular { step: 10, fill: 2 });
    let config = StreamConfig::with(|it| it.regular = regular);
    let times = [0, 10, 40, 50, 59, 90, 1_000_000, i64::MAX];
    let (scored, stream) = times_of(config, &times);
    assert_eq!(scored.unwrap(), [0, 10, 20, 30, 40, 50, 59, 69, 79, 90, 1_000_000, i64::MAX]);
    let counts = stream.counts();
    assert_eq!((counts.rows, counts.filled, counts.restarts), (12, 4, 2));
    let config = config.changed(|it| it.late = OnLate::Restart);
    let (scored, stream) = times_of(config, &[i64::MAX, i64::MIN, i64::MAX]);
    assert_eq!((scored.unwrap().len(), stream.counts().restarts), (3, 2));
    for regular in [Regular { step: 0, fill: 1 }, Regular { step: 1, fill: usize::MAX }] {
        let bad = StreamConfig::with(|it| it.regular = Some(regular));
        assert!(matches!(StreamingDetector::new(detector(), bad), Err(DetectError::Setting(_))));
    }
}

#[test]
fn what_is_absent_is_told_once_and_again_when_it_is_back() {
    let series = &split().test;
    let config = StreamConfig::with(|it| it.regular = Some(Regular { step: 10, fill: 3 }));
    let mut stream = StreamingDetector::new(detector(), config).unwrap();
    let mut notices = vec![];
    for row in 0..200 {
        let mut values = series.row(row).to_vec();
        if (50..70).contains(&row) {
            values[1] = f64::NAN;
        }
        if (100..180).contains(&row) {
            values[0] = 3.25;
        }
        if !(190..192).contains(&row) {
            notices.extend(stream.push(&[Row::new(10 * row as i64, &values)]).unwrap().notices);
        }
    }
    let rows = stream.latency();
    let [first, second] = [0, 1].map(|channel| series.channels()[channel].clone());
    let expected = [
        Notice::WarmingUp { row: 0, rows },
        Notice::Missing { channel: second.clone(), row: 59 },
        Notice::Moves { channel: second, row: 70 },
        Notice::Frozen { channel: first.clone(), row: 130, value: 3.25 },
        Notice::Moves { channel: first, row: 180 },
        Notice::Filled { row: 190, rows: 2 },
    ];
    let ready = Notice::Ready { row: 0 };
    assert_eq!(notices.iter().filter(|it| **it == ready).count(), 1);
    notices.retain(|it| *it != ready);
    assert_eq!(notices, expected);
    let line = serde_json::to_string(&notices[5]).unwrap();
    assert_eq!(line, r#"{"notice":"filled","row":190,"rows":2}"#);

    let told = |output: StreamOutput| -> Vec<String> {
        output.notices.iter().map(Notice::to_string).collect()
    };
    assert!(told(stream.tick(2030).unwrap()).is_empty(), "four rows may be missing");
    assert_eq!(told(stream.tick(2040).unwrap()), ["no row since 1990, where 5 were due"]);
    assert!(told(stream.tick(9000).unwrap()).is_empty(), "once");
    let back = told(stream.push(&[Row::new(9000, series.row(200))]).unwrap());
    assert_eq!(back[0], "row 200: rows come again, after 1990");
    let mut unknown = StreamingDetector::new(detector(), StreamConfig::default()).unwrap();
    assert!(matches!(unknown.tick(0), Err(DetectError::Setting(_))));
}

#[test]
fn a_person_can_say_that_an_alarm_is_normal_and_a_detector_keeps_what_is() {
    let series = &split().test;
    let low = detector().with_threshold(ThresholdRule::Fixed { value: 1e-3 }).unwrap();
    let mut stream = StreamingDetector::new(low.into(), StreamConfig::default()).unwrap();
    stream.push(&rows(series, 0..120)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        stream.acknowledge(Acknowledgement::Incident).unwrap(),
        Some(StreamOutput::default())
    );
    stream.save(folder.path()).unwrap();
    let mut stream = StreamingDetector::load(stream.detector().clone(), folder.path()).unwrap();
    let later = stream.push(&rows(series, 120..600)).unwrap();
    assert!(later.closed().all(|alarm| !alarm.interval.new_normal), "an incident does not settle");
    let output = stream.acknowledge(Acknowledgement::Normal).unwrap().unwrap();
    assert!(output.closed().next().unwrap().interval.new_normal && stream.open_alarm().is_none());
    assert_eq!(stream.acknowledge(Acknowledgement::Normal).unwrap(), None);
    let still = detector().with_drift(None).unwrap();
    let mut still = StreamingDetector::new(still.into(), StreamConfig::default()).unwrap();
    assert!(matches!(still.acknowledge(Acknowledgement::Normal), Err(DetectError::Setting(_))));

    let wild: Vec<f64> = series.values().iter().map(|value| 3.0 * value).collect();
    let wild = TimeSeries::new(series.channels().to_vec(), wild).unwrap();
    let tolerant = detector().with_normal(&wild).unwrap();
    assert!(tolerant.threshold() > detector().threshold());
    assert_eq!(tolerant.fingerprint(), detector().fingerprint());
    tolerant.save(folder.path().join("kept")).unwrap();
    let kept = Detector::load(folder.path().join("kept"), &Device::flex()).unwrap();
    let same =
        |it: &Detector| it.with_threshold(ThresholdRule::Quantile { q: 0.9 }).unwrap().threshold();
    assert_eq!((kept.threshold(), same(&kept)), (tolerant.threshold(), same(&tolerant)));
}

#[test]
fn late_rows_within_a_bound_are_put_in_their_place() {
    let series = &split().test;
    let config = StreamConfig::with(|it| (it.reorder, it.late) = (3, OnLate::Drop));
    let mut stream = StreamingDetector::new(detector(), config).unwrap();
    assert_eq!(stream.latency(), detector().latency() + 3);
    let row = |row: usize| Row::new(row as i64, series.row(row));
    // Of each five rows the first comes last but one; row 200 comes much too late.
    let mixed = (0..80).flat_map(|five| [1, 2, 3, 0, 4].map(|row| 5 * five + row));
    let mixed: Vec<usize> = mixed.filter(|row| *row != 200).collect();
    let mut found = StreamOutput::default();
    for (number, at) in mixed.into_iter().enumerate() {
        if number == 300 {
            extend(&mut found, stream.push(&[row(200)]).unwrap());
            let folder = tempfile::tempdir().unwrap();
            stream.save(folder.path()).unwrap();
            stream = StreamingDetector::load(detector(), folder.path()).unwrap();
        }
        extend(&mut found, stream.push(&[row(at)]).unwrap());
        assert!(stream.memory() <= detector().stream_memory(&config));
    }
    extend(&mut found, stream.finish());
    let times: Vec<i64> =
        found.scores.iter().map(|scored| scored.time.unwrap().timestamp()).collect();
    assert_eq!(times, (0..400).filter(|row| *row != 200).collect::<Vec<i64>>());
    assert_eq!(stream.counts().dropped, 1);
    let late = found.notices.iter().filter(|it| matches!(it, Notice::Late { .. })).count();
    assert_eq!(late, 1);
    let kept: Vec<Vec<f64>> =
        (0..400).filter(|row| *row != 200).map(|row| series.row(row).to_vec()).collect();
    let kept = TimeSeries::from_rows(series.channels().to_vec(), &kept).unwrap();
    for (scored, score) in found.scores.iter().zip(detector().score(&kept).unwrap()) {
        approx::assert_relative_eq!(scored.score, score, epsilon = 1e-5, max_relative = 1e-5);
    }
}

#[test]
fn rows_that_stand_in_for_missing_ones_do_not_alarm() {
    let series = &split().test;
    let always = detector().with_threshold(ThresholdRule::Fixed { value: -1.0 }).unwrap();
    let always = always.with_drift(None).unwrap();
    let config = StreamConfig::with(|it| it.regular = Some(Regular { step: 1, fill: 20 }));
    let mut stream = StreamingDetector::new(always.into(), config).unwrap();
    let there = (0..300).filter(|row| !(100..120).contains(row));
    let rows: Vec<Row> = there.map(|row| Row::new(row as i64, series.row(row))).collect();
    let mut found = stream.push(&rows).unwrap();
    extend(&mut found, stream.finish());
    for scored in &found.scores {
        assert_eq!(scored.filled, (100..120).contains(&scored.row), "{scored}");
        assert_eq!(scored.alarms, !scored.filled && scored.row > 0, "{scored}");
    }
}

#[test]
fn a_new_series_is_scored_as_if_nothing_had_been_before() {
    let series = &split().test;
    let config = StreamConfig::with(|it| it.late = OnLate::Restart);
    let mut stream = StreamingDetector::new(detector(), config).unwrap();
    let mut found = stream.push(&rows(series, 300..437)).unwrap();
    extend(&mut found, stream.push(&rows(series, 0..100)).unwrap());
    extend(&mut found, stream.finish());
    let of = |rows| detector().score(&series.slice(rows).unwrap()).unwrap();
    let expected = [of(300..437), of(0..100)].concat();
    assert_eq!(found.scores.len(), expected.len());
    for (scored, score) in found.scores.iter().zip(expected) {
        approx::assert_relative_eq!(scored.score, score, epsilon = 1e-5, max_relative = 1e-5);
    }
}

#[test]
fn bursts_of_missing_values_hold_the_last_ones_or_are_rejected() {
    let series = &split().test;
    let mut values: Vec<Vec<f64>> = (0..60).map(|row| series.row(row).to_vec()).collect();
    for row in [0, 30, 31, 32] {
        values[row] = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    }
    let rows: Vec<_> = values.iter().map(|values| Row::new(None, values)).collect();
    let mut stream = stream(&detector());
    let mut found = stream.push(&rows).unwrap();
    extend(&mut found, stream.finish());
    assert!(found.scores.iter().all(|scored| scored.score.is_finite() && scored.time.is_none()));
    assert_eq!((found.scores.len(), stream.counts().held), (60, 12));

    let reject = StreamConfig::with(|it| it.missing = OnMissing::Reject);
    let mut stream = StreamingDetector::new(detector(), reject).unwrap();
    let error = stream.push(&rows[1..]).unwrap_err().to_string();
    assert_eq!(error, r#"row 29 of those pushed: expected finite values, got NaN of "sensor_0""#);
    assert_eq!(stream.counts().rows, 0, "none was taken");
    let short = Row::new(None, &[1.0]);
    let error = stream.push(&[short]).unwrap_err().to_string();
    assert_eq!(error, "row 0 of those pushed: expected 3 values, got 1");
}

#[test]
fn a_new_series_begins_without_the_alarms_and_the_drift_of_the_last_one() {
    let series = &split().test;
    let drifting = detector()
        .with_drift(Some(DriftConfig { warmup: 20, memory: 1000, ..Default::default() }))
        .and_then(|it| it.with_threshold(ThresholdRule::Fixed { value: 0.0 }))
        .and_then(|it| it.with_alarm(AlarmConfig { k: 3, n: 3, join: 0, close: 1.0 }))
        .unwrap();
    let config = StreamConfig::with(|it| it.late = OnLate::Restart);
    let mut stream = StreamingDetector::new(Arc::new(drifting.clone()), config).unwrap();
    stream.push(&rows(series, 300..437)).unwrap();
    let mut found = stream.push(&rows(series, 0..100)).unwrap();
    extend(&mut found, stream.finish());
    let expected = drifting.detect(&series.slice(0..100).unwrap()).unwrap();
    let found = &found.scores[found.scores.len() - 100..];
    for (scored, threshold) in found.iter().zip(&expected.thresholds) {
        approx::assert_relative_eq!(scored.threshold, threshold, max_relative = 1e-4);
    }
    let alarms = |rows: std::ops::Range<usize>| found[rows].iter().filter(|it| it.alarms).count();
    assert_eq!((alarms(0..2), alarms(2..3)), (0, 1), "three rows in a row");
}

#[test]
fn a_stream_goes_on_with_another_detector_as_if_it_had_been_there_all_along() {
    let series = &split().test;
    let newer = |change: fn(&mut AsterConfig)| Arc::new(fit(change));
    let others = [
        newer(|config| config.train.seed = 5),
        newer(|config| (config.model.window, config.score.stride) = (32, Some(4))),
        newer(|config| {
            (config.score.latency, config.score.stride) = (Some(16), Some(2));
            config.score.components[0].smoothing = Smoothing::Rows(40);
        }),
    ];
    for other in others {
        for at in [3, 17, 100, 437] {
            let config = StreamConfig::with(|it| it.history = 100);
            let mut stream = StreamingDetector::new(detector(), config).unwrap();
            let mut found = stream.push(&rows(series, 0..at)).unwrap();
            let before = found.scores.len();
            extend(&mut found, stream.swap(other.clone()).unwrap());
            extend(&mut found, stream.push(&rows(series, at..700)).unwrap());
            extend(&mut found, stream.finish());
            assert_eq!(found.scores.len(), 700);
            let [old, new] = [&detector(), &other].map(|it| it.score(series).unwrap());
            for (row, scored) in found.scores.iter().enumerate() {
                let expected = if row < before { old[row] } else { new[row] };
                assert_eq!(
                    (scored.row, scored.time),
                    (row as u64, Some(Clock::Counts.at(10 * row as i64)))
                );
                approx::assert_relative_eq!(
                    scored.score,
                    expected,
                    epsilon = 1e-4,
                    max_relative = 1e-4
                );
            }
            let first = found.scores.get(before).map(|scored| scored.threshold);
            assert_eq!(first, Some(other.threshold()), "thresholds begin anew");
        }
    }
    let split = SyntheticConfig { train_rows: 600, channels: 2, ..Default::default() };
    let foreign = aster_train::fit(
        &{
            let mut config = AsterConfig::default();
            (config.train.epochs, config.train.steps_per_epoch) = (1, 2);
            config
        },
        &split.generate().unwrap().train,
        &Device::flex(),
    );
    let mut stream = stream(&detector());
    let error = stream.swap(foreign.unwrap().into()).unwrap_err();
    assert!(matches!(error, DetectError::Data(_)), "{error}");
    stream.push(&rows(series, 0..3)).unwrap();
}

#[test]
fn a_swap_for_other_thresholds_keeps_an_open_alarm() {
    let series = &split().test;
    let rule = |value| detector().with_threshold(ThresholdRule::Fixed { value }).unwrap();
    let always = Arc::new(rule(-1.0).with_drift(None).unwrap());
    let mut stream = StreamingDetector::new(always.clone(), StreamConfig::default()).unwrap();
    let mut found = stream.push(&rows(series, 0..200)).unwrap();
    let open = stream.open_alarm().unwrap();
    let expected = (0, 1, found.scores.len());
    assert_eq!((open.start, open.opened, open.end), expected, "two of three rows");
    extend(&mut found, stream.swap(Arc::new(rule(f32::MAX))).unwrap());
    extend(&mut found, stream.push(&rows(series, 200..300)).unwrap());
    let closed: Vec<&Alarm> = found.closed().collect();
    assert_eq!((closed.len(), closed[0].rows().start), (1, 0), "{closed:?}");
    assert!(stream.open_alarm().is_none());
}

#[test]
fn a_stream_that_is_read_back_has_the_thresholds_of_its_detector() {
    let (series, folder) = (&split().test, tempfile::tempdir().unwrap());
    let mut live = stream(&detector());
    live.push(&rows(series, 0..200)).unwrap();
    live.save(folder.path()).unwrap();
    let raised = ThresholdRule::Fixed { value: 1e9 };
    let raised = Arc::new(detector().with_threshold(raised).unwrap());
    let mut live = StreamingDetector::load(raised, folder.path()).unwrap();
    let found = live.push(&rows(series, 200..300)).unwrap();
    assert!(found.scores.iter().all(|scored| scored.threshold == 1e9 && !scored.alarms));
}

#[test]
fn an_alarm_is_told_when_it_opens_and_again_when_it_is_over_with_the_reasons_of_the_series() {
    let series = &split().test;
    let expected = detector().detect(series).unwrap().alarms;
    let config = StreamConfig::with(|it| it.history = series.rows());
    let mut stream = StreamingDetector::new(detector(), config).unwrap();
    let mut events = vec![];
    for row in 0..series.rows() {
        let more = stream.push(&rows(series, row..row + 1)).unwrap().events;
        events.extend(more.into_iter().map(|event| (row, event)));
    }
    events.extend(stream.finish().events.into_iter().map(|event| (series.rows(), event)));
    let channel = |name: &str| series.channels().iter().position(|it| it == name).unwrap();
    let mut explained = 0;
    for alarm in &expected {
        let of_alarm = |(_, event): &&(usize, AlarmEvent)| event.alarm().number == alarm.number;
        let told: Vec<&(usize, AlarmEvent)> = events.iter().filter(of_alarm).collect();
        let [(at, AlarmEvent::Opened(opened)), rest @ .., (_, AlarmEvent::Closed(closed))] =
            &told[..]
        else {
            panic!("{told:?}")
        };
        assert!(rest.iter().all(|(_, event)| matches!(event, AlarmEvent::Updated(_))));
        assert!(*at <= opened.interval.opened + stream.latency(), "{opened} told at {at}");
        assert!(opened.severity <= closed.severity);
        let share = |of: &[Reason], name: &str| {
            of.iter().find(|it| it.channel == name).map_or(0.0, |it| it.share)
        };
        for reason in &closed.reasons {
            let in_series = alarm.reasons.iter().find(|it| it.channel == reason.channel).unwrap();
            let same = share(&alarm.reasons, &reason.channel);
            approx::assert_relative_eq!(reason.share, same, epsilon = 1e-2);
            assert_eq!((reason.row, reason.observed), (in_series.row, in_series.observed));
            assert_eq!(series.row(reason.row)[channel(&reason.channel)], reason.observed);
            let time = reason.time.map(|time| time.timestamp());
            assert_eq!((time, in_series.time), (Some(10 * reason.row as i64), None));
            let (one, other) = (reason.expected.unwrap(), in_series.expected.unwrap());
            approx::assert_relative_eq!(one, other, epsilon = 1e-3, max_relative = 1e-3);
            explained += 1;
        }
        assert!(!opened.reasons.is_empty(), "{opened}");
    }
    assert!(!expected.is_empty() && explained > 0);
    let brief = pushed(&detector(), series, 5);
    assert!(brief.closed().all(|alarm| !alarm.reasons.is_empty()));
}

#[test]
fn an_alarm_that_outlasts_the_rows_kept_closes_with_the_reasons_of_its_peak() {
    let mut values = split().test.values().to_vec();
    (150..154).for_each(|row| values[3 * row + 1] += 30.0);
    let series = &TimeSeries::new(split().test.channels().to_vec(), values).unwrap();
    let value = detector().threshold();
    let long = detector().with_threshold(ThresholdRule::Fixed { value }).unwrap();
    let alarm = AlarmConfig { join: 300, ..long.config().alarm };
    let long = Arc::new(long.with_alarm(alarm).unwrap().with_drift(None).unwrap());
    let expected = long.detect(series).unwrap().alarms;
    let outlasted = |alarm: &Alarm| alarm.rows().end - alarm.interval.peak > 150;
    assert!(expected.iter().any(outlasted), "{expected:?}");
    let of = |alarm: &Alarm| -> Vec<(String, usize)> {
        alarm.reasons.iter().map(|it| (it.channel.clone(), it.row)).collect()
    };
    let in_series: Vec<_> = expected.iter().map(of).collect();
    for seed in [5, 6] {
        assert_eq!(pushed(&long, series, seed).closed().map(of).collect::<Vec<_>>(), in_series);
    }
}

#[test]
fn reasons_do_not_depend_on_how_many_rows_are_pushed_at_once() {
    let series = &split().test;
    let found = pushed(&detector(), series, 3);
    let mut stream = stream(&detector());
    let mut at_once = stream.push(&rows(series, 0..series.rows())).unwrap();
    extend(&mut at_once, stream.finish());
    let reasons = |of: &StreamOutput| -> Vec<usize> {
        of.opened().map(|alarm| alarm.reasons.len()).collect()
    };
    assert_eq!(reasons(&at_once), reasons(&found));
    assert!(at_once.opened().all(|alarm| !alarm.reasons.is_empty()));
}

#[test]
fn a_stream_tells_no_reasons_where_nobody_reads_them() {
    let series = &split().test;
    let told = |reasons| {
        let config = StreamConfig::with(|it| it.reasons = reasons);
        let mut stream = StreamingDetector::new(detector(), config).unwrap();
        let mut output = stream.push(&rows(series, 0..series.rows())).unwrap();
        extend(&mut output, stream.finish());
        output.events
    };
    let bare = |mut alarm: Alarm| {
        alarm.reasons = vec![];
        alarm
    };
    let without = told(false);
    assert!(without.iter().all(|event| event.alarm().reasons.is_empty()));
    let with = told(true).into_iter().map(|event| bare(event.alarm().clone()));
    assert_eq!(
        without.iter().map(|event| event.alarm().clone()).collect::<Vec<_>>(),
        with.collect::<Vec<_>>()
    );
}

#[test]
fn rows_of_a_stream_are_attributed_as_those_of_its_series() {
    let series = &split().test;
    let config = StreamConfig::with(|it| it.history = 50);
    let mut stream = StreamingDetector::new(detector(), config).unwrap();
    let mut checked = 0;
    for end in (1..=series.rows()).step_by(9) {
        let scored = stream.push(&rows(series, stream.counts().rows as usize..end)).unwrap();
        let Some(last) = scored.scores.last().map(|scored| scored.row) else { continue };
        let so_far = series.slice(0..end).unwrap();
        for first in [last, last.saturating_sub(40)] {
            for method in [Attribution::Reconstruction, Attribution::Occlusion] {
                let found = stream.attribute(first..last + 1, method).unwrap();
                let rows = first as usize..last as usize + 1;
                let expected = detector().attribute(&so_far, rows, method).unwrap();
                let share = |of: &[Contribution], name: &str| {
                    of.iter().find(|it| it.channel == name).map(|it| it.share)
                };
                for Contribution { channel, share: got, .. } in &found {
                    let expected = share(&expected, channel).unwrap();
                    approx::assert_relative_eq!(*got, expected, epsilon = 1e-3);
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 100);
    let scored = stream.counts().rows - stream.latency() as u64;
    for rows in [0..1, scored + 16..scored + 17, 5..5] {
        let error = stream.attribute(rows, Attribution::default()).unwrap_err();
        assert!(matches!(error, DetectError::Rows { .. }), "{error}");
    }
}

#[test]
fn a_long_gap_is_filled_in_bounded_memory() {
    let series = &split().test;
    let regular = Some(Regular { step: 1, fill: 1 << 16 });
    let config = StreamConfig::with(|it| it.regular = regular);
    let mut stream = StreamingDetector::new(detector(), config).unwrap();
    stream.push(&[Row::new(0, series.row(0))]).unwrap();
    let found = stream.push(&[Row::new(60_000, series.row(1))]).unwrap();
    assert!(found.scores.len() > 59_000);
    assert!(stream.memory() <= detector().stream_memory(&config));
}

#[test]
fn streams_that_begin_together_do_not_all_run_the_network_on_the_same_push() {
    let series = &split().test;
    let mut streams = Streams::new(detector(), StreamConfig::default()).unwrap();
    let names: Vec<String> = (0..256).map(|number| format!("pump-{number}")).collect();
    let mut most = 0;
    for row in 0..200 {
        let row = &rows(series, row..row + 1)[0];
        let pushed: Vec<_> = names.iter().map(|name| (name, row.clone())).collect();
        let outputs = streams.push(&pushed).unwrap();
        most = most.max(outputs.values().filter(|output| !output.scores.is_empty()).count());
    }
    // Of a stride of 8 rows, each has its own.
    assert_eq!(most, 256 / 8);
}

#[test]
fn shards_score_as_one_does() {
    let series = &split().test;
    let names: Vec<String> = (0..30).map(|number| format!("pump-{number}")).collect();
    let scored = |threads| {
        let streams = Streams::new(detector(), StreamConfig::default()).unwrap();
        let mut streams = streams.with_threads(threads).unwrap();
        let mut found: Vec<StreamOutput> = vec![];
        for start in (0..200).step_by(40) {
            let of_stream = names.iter().enumerate().flat_map(|(number, name)| {
                rows(series, start + number..start + number + 40)
                    .into_iter()
                    .map(move |row| (name, row))
            });
            found.extend(streams.push(&of_stream.collect::<Vec<_>>()).unwrap().into_values());
        }
        found.extend(names.iter().map(|name| streams.finish(name).unwrap()));
        found
    };
    let (one, four) = (scored(1), scored(4));
    assert_eq!(one.len(), four.len());
    for (one, four) in one.iter().zip(&four) {
        assert_eq!(one.scores.len(), four.scores.len());
        for (one, four) in one.scores.iter().zip(&four.scores) {
            approx::assert_relative_eq!(one.score, four.score, epsilon = 1e-5, max_relative = 1e-5);
        }
    }
    let none = Streams::new(detector(), StreamConfig::default()).unwrap().with_threads(0);
    assert!(none.is_err());
}

/// Ten million rows with `ASTER_ROWS=10000000`.
#[test]
fn memory_does_not_grow_with_the_stream() {
    let wanted: usize = std::env::var("ASTER_ROWS").map_or(60_000, |rows| rows.parse().unwrap());
    let cheap: Arc<_> = fit(|config| {
        config.score.stride = Some(16);
        config.model.context.width = 8;
        let model = &mut config.model;
        (model.vae.hidden_size, model.vae.latent_size) = (8, 4);
        (model.decoder.width, model.decoder.heads, model.decoder.layers) = (8, 1, 1);
        (model.decoder.feed_forward, model.grades) = (8, 1);
    })
    .into();
    let series = &split().test;
    let mut stream = stream(&cheap);
    let (mut scored, mut sizes) = (0, vec![]);
    let folder = tempfile::tempdir().unwrap();
    let part: Vec<_> = (0..series.rows()).map(|row| Row::new(None, series.row(row))).collect();
    while scored < wanted {
        scored += stream.push(&part).unwrap().scores.len();
        // After the memory of the drifting threshold is full.
        if scored > 12_000 && (sizes.is_empty() || scored >= wanted) {
            stream.save(folder.path()).unwrap();
            let files = folder.path().read_dir().unwrap().map(|entry| entry.unwrap());
            sizes.push(files.map(|file| file.metadata().unwrap().len()).sum::<u64>());
        }
    }
    println!("{scored} rows; the state has {sizes:?} bytes");
    assert!(sizes[1] < sizes[0] + sizes[0] / 10, "{sizes:?}");
}
