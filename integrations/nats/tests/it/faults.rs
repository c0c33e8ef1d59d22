//! Workers and brokers that are killed.

use std::time::{Duration, Instant};

use aster_nats::{backlog, put_detector};

use crate::fleet;
use crate::server::{Server, Worker, missing};

/// How many workers end before a test does.
const ENDS: usize = 20;

/// Ends one worker after the other while rows come, and compares what was told.
async fn workers_end(end: fn(Worker)) {
    if missing() {
        return;
    }
    let server = Server::start();
    let context = server.connect().await;
    put_detector(&context, &fleet::names(), fleet::detector()).await.unwrap();
    let publisher = fleet::publisher(&context).await;
    let mut workers: Vec<Worker> =
        (0..2).map(|it| Worker::start(&server, fleet::GROUP, it, fleet::QUICK)).collect();
    for ended in 0..ENDS {
        let rows = fleet::ROWS / ENDS;
        fleet::publish(&publisher, 10, ended * rows..(ended + 1) * rows).await;
        // Moments of any kind: between stores, within them, between these and what is told.
        tokio::time::sleep(Duration::from_millis((ended as u64 * 137) % 700)).await;
        end(workers.remove(0));
        workers.push(Worker::start(&server, fleet::GROUP, 2 + ended, fleet::QUICK));
    }
    fleet::done(&context).await;
    assert_eq!(fleet::told(&context).await, fleet::expected(fleet::detector(), 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_killed_at_any_moment_lose_no_row_and_double_no_alarm() {
    workers_end(Worker::kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_stopped_at_any_moment_end_well_and_lose_nothing_either() {
    workers_end(Worker::stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_outlive_their_broker() {
    if missing() {
        return;
    }
    let mut server = Server::start();
    let context = server.connect().await;
    put_detector(&context, &fleet::names(), fleet::detector()).await.unwrap();
    let publisher = fleet::publisher(&context).await;
    let _workers = [0, 1].map(|it| Worker::start(&server, fleet::GROUP, it, fleet::QUICK));
    fleet::publish(&publisher, 6, 0..150).await;
    server.restart(Duration::from_millis(1500));
    let context = server.connect().await;
    let publisher = fleet::publisher(&context).await;
    fleet::publish(&publisher, 6, 150..fleet::ROWS).await;
    fleet::done(&context).await;
    assert_eq!(fleet::told(&context).await, fleet::expected(fleet::detector(), 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_wait_at_the_broker_for_a_worker_that_is_slow() {
    if missing() {
        return;
    }
    let server = Server::start();
    let context = server.connect().await;
    put_detector(&context, &fleet::names(), fleet::detector()).await.unwrap();
    let publisher = fleet::publisher(&context).await;
    // Two rows at a time: each push is stored.
    let slow = r#"{"partitions": 8, "lease": 1.0, "threads": 1, "batch": 2, "uncovered": 2}"#;
    let _worker = Worker::start(&server, fleet::GROUP, 0, slow);
    let started = Instant::now();
    while backlog(&context, &fleet::names(), fleet::PARTITIONS).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "no worker");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    fleet::publish(&publisher, 4, 0..fleet::ROWS).await;
    let waiting = backlog(&context, &fleet::names(), fleet::PARTITIONS).await.unwrap();
    assert!(waiting > 100, "{waiting} rows wait: the worker is not slow");
    fleet::done(&context).await;
    assert_eq!(fleet::told(&context).await, fleet::expected(fleet::detector(), 4));
}
