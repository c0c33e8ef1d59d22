//! Numbers through the `metrics` facade.

use std::time::Instant;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const ROWS: &str = "aster_nats_rows_total";
const REJECTED: &str = "aster_nats_rows_rejected_total";
const EVENTS: &str = "aster_nats_events_total";
const FAULTS: &str = "aster_nats_faults_total";
const PARTITIONS: &str = "aster_nats_partitions";
const SERIES: &str = "aster_nats_series";
const PENDING: &str = "aster_nats_pending_rows";
const STATE: &str = "aster_nats_state_bytes";
const CHECKPOINT: &str = "aster_nats_checkpoint_seconds";

/// Describes the numbers of a worker to the recorder that is installed.
pub fn describe_metrics() {
    describe_counter!(ROWS, "Rows that came from the broker");
    describe_counter!(REJECTED, "Rows that no worker can take");
    describe_counter!(EVENTS, "Alarm events and notices that were published");
    describe_counter!(FAULTS, "Faults after which a worker began anew");
    describe_gauge!(PARTITIONS, "Partitions that the worker has");
    describe_gauge!(SERIES, "Series whose states the worker holds");
    describe_gauge!(PENDING, "Rows of a partition that wait at the broker");
    describe_histogram!(STATE, "Bytes of a stored state");
    describe_histogram!(CHECKPOINT, "Seconds in which all states with new rows were stored");
}

pub(crate) fn rows(rows: usize) {
    counter!(ROWS).increment(rows as u64);
}

pub(crate) fn rejected() {
    counter!(REJECTED).increment(1);
}

pub(crate) fn told(events: usize) {
    counter!(EVENTS).increment(events as u64);
}

pub(crate) fn fault() {
    counter!(FAULTS).increment(1);
}

pub(crate) fn partitions(partitions: usize) {
    gauge!(PARTITIONS).set(partitions as f64);
}

pub(crate) fn pending(partition: u32, rows: u64) {
    gauge!(PENDING, "partition" => partition.to_string()).set(rows as f64);
}

pub(crate) fn state(bytes: usize) {
    histogram!(STATE).record(bytes as f64);
}

pub(crate) fn stored(started: Instant, series: usize) {
    histogram!(CHECKPOINT).record(started.elapsed());
    gauge!(SERIES).set(series as f64);
}
