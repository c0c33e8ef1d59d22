//! A fleet of pumps, what its alarms should be, and what they are.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aster_nats::aster::data::{SyntheticConfig, TimeSeries};
use aster_nats::aster::detect::{AlarmEvent, Row, StreamConfig, StreamingDetector};
use aster_nats::aster::{AsterConfig, Detector, Device};
use aster_nats::async_nats::jetstream::{Context, consumer};
use aster_nats::{EVENT_HEADER, Names, Publisher, backlog};
use futures::StreamExt;

pub(crate) const GROUP: &str = "pumps";
pub(crate) const PARTITIONS: u32 = 8;
/// Rows of a pump.
pub(crate) const ROWS: usize = 420;

/// Settings of workers whose tests do not last long.
pub(crate) const QUICK: &str =
    r#"{"partitions": 8, "lease": 1.0, "checkpoint": 0.3, "threads": 1}"#;

pub(crate) fn names() -> Names {
    Names::new(GROUP).unwrap()
}

/// A name that is no token by itself.
pub(crate) fn name(pump: usize) -> String {
    format!("pump {pump}.a")
}

/// A detector of pumps, trained once.
pub(crate) fn detector() -> &'static Arc<Detector> {
    static DETECTOR: OnceLock<Arc<Detector>> = OnceLock::new();
    DETECTOR.get_or_init(|| {
        let mut config = AsterConfig::default();
        (config.train.epochs, config.train.steps_per_epoch) = (1, 5);
        let split = SyntheticConfig { train_rows: 1500, ..Default::default() }.generate().unwrap();
        aster_nats::aster::fit(&config, &split.train, &Device::flex()).unwrap().into()
    })
}

/// The rows of a pump.
pub(crate) fn pump(pump: usize) -> TimeSeries {
    let split = SyntheticConfig { train_rows: 1500, ..Default::default() }.generate().unwrap();
    split.test.slice(40 * pump..40 * pump + ROWS).unwrap()
}

/// Publishes some rows of all pumps, in turn.
pub(crate) async fn publish(publisher: &Publisher, pumps: usize, rows: std::ops::Range<usize>) {
    let series: Vec<TimeSeries> = (0..pumps).map(pump).collect();
    for row in rows {
        let mut answers = vec![];
        for (pump, series) in series.iter().enumerate() {
            let id = format!("{pump}-{row}");
            let row = Row::new(row as i64, series.row(row));
            answers.push(publisher.publish(&name(pump), &row, Some(&id)).await.unwrap());
        }
        for answer in answers {
            answer.await.unwrap();
        }
    }
}

pub(crate) async fn publisher(context: &Context) -> Publisher {
    Publisher::new(context.clone(), names(), PARTITIONS).await.unwrap()
}

/// Waits until the states of all series cover all rows.
pub(crate) async fn done(context: &Context) {
    let started = Instant::now();
    loop {
        let rows = backlog(context, &names(), PARTITIONS).await;
        if matches!(rows, Ok(0)) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "{rows:?} rows wait");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// First and last row of an alarm, and whether this is its end.
type Step = (usize, usize, bool);

/// Alarms as they open and close; those near the end, where scores are not final yet, left out.
fn step(event: &AlarmEvent) -> Option<Step> {
    let rows = event.alarm().rows();
    match event {
        AlarmEvent::Opened(alarm) if alarm.interval.opened < ROWS - 120 => {
            Some((rows.start, alarm.interval.opened, false))
        }
        AlarmEvent::Closed(_) if rows.end < ROWS - 160 => Some((rows.start, rows.end, true)),
        _ => None,
    }
}

/// What a stream of one's own says of each pump.
pub(crate) fn expected(detector: &Arc<Detector>, pumps: usize) -> BTreeMap<String, Vec<Step>> {
    let expected = swapped(&[(detector, ROWS)], pumps);
    let steps: usize = expected.values().map(Vec::len).sum();
    assert!(steps > pumps, "{steps} steps, which shows little");
    expected
}

/// What a stream of one's own says of each pump, with detectors up to a row each.
pub(crate) fn swapped(
    detectors: &[(&Arc<Detector>, usize)],
    pumps: usize,
) -> BTreeMap<String, Vec<Step>> {
    let of_pump = |number: usize| {
        let first = detectors[0].0.clone();
        let mut stream = StreamingDetector::new(first, StreamConfig::default()).unwrap();
        let (series, mut events, mut from) = (pump(number), vec![], 0);
        for (at, (detector, to)) in detectors.iter().enumerate() {
            if at > 0 {
                events.extend(stream.swap((*detector).clone()).unwrap().events);
            }
            let rows = (from..*to).map(|row| Row::new(row as i64, series.row(row).to_vec()));
            events.extend(stream.push(&rows.collect::<Vec<_>>()).unwrap().events);
            from = *to;
        }
        (name(number), events.iter().filter_map(step).collect())
    };
    (0..pumps).map(of_pump).collect()
}

/// Messages of a stream.
pub(crate) async fn messages(
    context: &Context,
    stream: &str,
) -> Vec<aster_nats::async_nats::Message> {
    let mut stream = context.get_stream(stream).await.unwrap();
    let count = stream.info().await.unwrap().state.messages as usize;
    let config = consumer::pull::OrderedConfig::default();
    let messages = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    messages.take(count).map(|message| message.unwrap().message.clone()).collect().await
}

/// What was told of each pump; fails where an event is doubled or lacks.
pub(crate) async fn told(context: &Context) -> BTreeMap<String, Vec<Step>> {
    let mut told: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for message in messages(context, &names().alarms()).await {
        let mut event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        let fields = event.as_object_mut().unwrap();
        let series = fields.remove("series").unwrap().as_str().unwrap().to_owned();
        let number = fields.remove("number_in_series").unwrap().as_u64().unwrap();
        let header = message.headers.unwrap().get(EVENT_HEADER).unwrap().as_str().to_owned();
        assert_eq!(header, number.to_string());
        let count = counts.entry(series.clone()).or_default();
        assert_eq!(number, *count, "events of {series}");
        *count += 1;
        let steps = told.entry(series).or_default();
        if event.get("event").is_some() {
            steps.extend(step(&serde_json::from_value(event).unwrap()));
        }
    }
    told
}
