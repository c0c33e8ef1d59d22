//! What streams count for those who watch them from outside, through the `metrics` facade: nothing is kept
//! where no recorder is installed.

use std::time::Instant;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::alarm::AlarmEvent;
use crate::stream::notice::Notice;
use crate::stream::output::StreamOutput;
use crate::stream::policy::StreamCounts;

const ROWS: &str = "aster_rows_total";
const SCORES: &str = "aster_scores_total";
const OPENED: &str = "aster_alarms_opened_total";
const OPEN: &str = "aster_alarms_open";
const HELD: &str = "aster_values_held_total";
const FILLED: &str = "aster_rows_filled_total";
const DROPPED: &str = "aster_rows_dropped_total";
const RESTARTS: &str = "aster_series_restarted_total";
const STALE: &str = "aster_streams_stale_total";
const LAG: &str = "aster_score_lag_rows";
const PUSH: &str = "aster_push_seconds";

/// Describes to the installed recorder of the `metrics` facade what streams count. Call it once, after
/// the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(ROWS, "Rows that were taken or stand in for missing ones.");
    describe_counter!(SCORES, "Scores that have become final.");
    describe_counter!(OPENED, "Alarms that have opened.");
    describe_gauge!(OPEN, "Alarms that are open.");
    describe_counter!(HELD, "Values that were missing.");
    describe_counter!(FILLED, "Rows that stand in for missing ones.");
    describe_counter!(DROPPED, "Rows that were left out, late or duplicate.");
    describe_counter!(RESTARTS, "Series that were ended by a gap or a late row.");
    describe_counter!(STALE, "Times that the rows of a stream have stopped.");
    describe_histogram!(LAG, "Rows of a stream that have no final score, after a push.");
    describe_histogram!(PUSH, "Seconds that a push took, of all its streams together.");
}

/// Counts what a push has made of a stream that had counted so much before.
pub(crate) fn count(output: &StreamOutput, before: StreamCounts, after: StreamCounts, lag: u64) {
    let StreamCounts { rows, held, filled, dropped, restarts } = after;
    counter!(ROWS).increment(rows - before.rows);
    counter!(HELD).increment(held - before.held);
    counter!(FILLED).increment(filled - before.filled);
    counter!(DROPPED).increment(dropped - before.dropped);
    counter!(RESTARTS).increment(restarts - before.restarts);
    histogram!(LAG).record(lag as f64);
    count_told(output);
}

/// Counts what was told of a stream.
pub(crate) fn count_told(output: &StreamOutput) {
    counter!(SCORES).increment(output.scores.len() as u64);
    for event in &output.events {
        match event {
            AlarmEvent::Opened(_) => {
                counter!(OPENED).increment(1);
                gauge!(OPEN).increment(1.0);
            }
            AlarmEvent::Closed(_) => gauge!(OPEN).decrement(1.0),
            AlarmEvent::Updated(_) => (),
        }
    }
    let stale = output.notices.iter().filter(|it| matches!(it, Notice::Stale { .. })).count();
    counter!(STALE).increment(stale as u64);
}

/// Records how long a push took.
pub(crate) fn time_push(started: Instant) {
    histogram!(PUSH).record(started.elapsed().as_secs_f64());
}
