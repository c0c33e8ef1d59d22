//! Workers that share the series of a group.

use std::sync::Arc;
use std::time::Duration;

use aster_nats::aster::Device;
use aster_nats::aster::data::SyntheticConfig;
use aster_nats::aster::detect::Row;
use aster_nats::{Names, NatsError, Publisher, WorkerConfig, put_detector, work};

use crate::fleet;
use crate::server::{Server, Worker, missing};

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_tell_what_one_stream_would() {
    if missing() {
        return;
    }
    let server = Server::start();
    let context = server.connect().await;
    let workers = [0, 1].map(|it| Worker::start(&server, fleet::GROUP, it, fleet::QUICK));
    // They wait for it.
    put_detector(&context, &fleet::names(), fleet::detector()).await.unwrap();
    let publisher = fleet::publisher(&context).await;
    fleet::publish(&publisher, 8, 0..200).await;
    let [one, other] = workers;
    one.stop();
    fleet::publish(&publisher, 8, 200..fleet::ROWS).await;
    fleet::done(&context).await;
    assert_eq!(fleet::told(&context).await, fleet::expected(fleet::detector(), 8));
    other.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_is_put_is_taken_over_by_all() {
    if missing() {
        return;
    }
    let server = Server::start();
    let context = server.connect().await;
    put_detector(&context, &fleet::names(), fleet::detector()).await.unwrap();
    let publisher = fleet::publisher(&context).await;
    let worker = Worker::start(&server, fleet::GROUP, 0, fleet::QUICK);
    fleet::publish(&publisher, 4, 0..200).await;
    fleet::done(&context).await;
    // This worker does not see the next one, of another fingerprint; the one that comes reads states that
    // belong to the first.
    worker.stop();
    let mut score = fleet::detector().config().score.clone();
    score.channel_floor = 0.5;
    let train =
        SyntheticConfig { train_rows: 1500, ..Default::default() }.generate().unwrap().train;
    let other = Arc::new(fleet::detector().recalibrate(&score, &train).unwrap());
    assert_ne!(other.fingerprint(), fleet::detector().fingerprint());
    put_detector(&context, &fleet::names(), &other).await.unwrap();
    let _worker = Worker::start(&server, fleet::GROUP, 1, fleet::QUICK);
    fleet::publish(&publisher, 4, 200..fleet::ROWS).await;
    fleet::done(&context).await;
    let detectors = [(fleet::detector(), 200), (&other, fleet::ROWS)];
    assert_eq!(fleet::told(&context).await, fleet::swapped(&detectors, 4));
    // And back again, while it runs.
    put_detector(&context, &fleet::names(), fleet::detector()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let series = fleet::pump(0);
    for row in 0..120 {
        let values: Vec<f64> = series.row(row).iter().map(|it| it + 50.0).collect();
        let row = Row::new((fleet::ROWS + row) as i64, values);
        publisher.publish(&fleet::name(0), &row, None).await.unwrap().await.unwrap();
    }
    fleet::done(&context).await;
    let all = fleet::messages(&context, &fleet::names().alarms()).await;
    let last = String::from_utf8(all.last().unwrap().payload.to_vec()).unwrap();
    assert!(last.contains("pump 0.a"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_no_worker_can_take_are_put_aside_with_the_reason() {
    if missing() {
        return;
    }
    let server = Server::start();
    let context = server.connect().await;
    put_detector(&context, &fleet::names(), fleet::detector()).await.unwrap();
    let publisher = fleet::publisher(&context).await;
    let _worker = Worker::start(&server, fleet::GROUP, 0, fleet::QUICK);
    fleet::publish(&publisher, 2, 0..100).await;
    let subject = fleet::names().subject_of_rows(&fleet::name(0), fleet::PARTITIONS);
    for row in ["no row", r#"{"time": 100, "values": [1.0]}"#, r#"{"time": 5, "values": []}"#] {
        context.publish(subject.clone(), row.into()).await.unwrap().await.unwrap();
    }
    // Of a publisher that divides the series in another way.
    let other = fleet::names().subject_of_rows(&fleet::name(0), 1);
    assert_ne!(other, subject);
    context.publish(other, "{}".into()).await.unwrap().await.unwrap();
    fleet::publish(&publisher, 2, 100..fleet::ROWS).await;
    fleet::done(&context).await;
    assert_eq!(fleet::told(&context).await, fleet::expected(fleet::detector(), 2));
    let rejected = fleet::messages(&context, &fleet::names().rejected()).await;
    let reason = |row: &aster_nats::async_nats::Message| {
        row.headers.as_ref().unwrap().get("Aster-Reason").unwrap().to_string()
    };
    assert_eq!(rejected.len(), 4);
    for (payload, expected) in [
        ("no row", "expected"),
        (r#"{"time": 100, "values": [1.0]}"#, "expected"),
        ("{}", "expected partition"),
    ] {
        let row = rejected.iter().find(|it| it.payload == payload).unwrap();
        assert!(reason(row).contains(expected), "{payload}: {}", reason(row));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_keeps_its_partitions() {
    if missing() {
        return;
    }
    let server = Server::start();
    let context = server.connect().await;
    fleet::publisher(&context).await;
    let other = Publisher::new(context.clone(), fleet::names(), 5).await.unwrap_err();
    assert!(other.to_string().contains("8 partitions: expected as many, got 5"), "{other}");
    let mut config = WorkerConfig::default();
    (config.group, config.partitions) = ("pumps".into(), 5);
    let device = Device::flex();
    let stop = std::future::pending();
    let error = work(&context, &config, &device, stop).await.unwrap_err();
    assert!(matches!(error, NatsError::Partitions { .. }), "{error}");
    assert!(Names::new("a.b").is_err());
}
