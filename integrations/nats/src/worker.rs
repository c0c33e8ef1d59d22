use std::time::Duration;

use aster::Device;
use async_nats::jetstream::Context;

use crate::config::WorkerConfig;
use crate::error::NatsError;
use crate::session::Session;
use crate::telemetry;

/// Shortest and longest pause between two attempts.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(10)];

/// Works until `stop` is ready: takes its share of the partitions of a group, scores their rows, and
/// publishes what happens to alarms. Then it ends the batch that it has begun, stores its states and gives the
/// partitions back.
///
/// A worker that is killed loses nothing: its rows count as done only when the states that have
/// seen them and the events are stored, and others go on from these. After a fault of the broker it
/// begins anew by itself. It needs tokio's runtime of several threads.
///
/// # Errors
/// Settings outside their range, another number of partitions than the group has, states that are
/// damaged or larger than the broker takes; faults of the broker are not, they are waited for.
pub async fn work(
    context: &Context,
    config: &WorkerConfig,
    device: &Device,
    stop: impl Future<Output = ()>,
) -> Result<(), NatsError> {
    config.check()?;
    let mut stop = std::pin::pin!(stop);
    let [shortest, longest] = PAUSES;
    let mut pause = shortest;
    loop {
        let opened = tokio::select! {
            opened = Session::open(context, config, device) => opened,
            () = &mut stop => return Ok(()),
        };
        let error = match opened {
            Ok(mut session) => match session.run(stop.as_mut()).await {
                Ok(()) => return session.close().await,
                Err(error) => error,
            },
            Err(error) => error,
        };
        if !error.passes() {
            return Err(error);
        }
        tracing::warn!("{error}; again in {pause:?}");
        telemetry::fault();
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (2 * pause).min(longest),
            () = &mut stop => return Ok(()),
        }
    }
}
