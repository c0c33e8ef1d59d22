use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull;
use futures::TryStreamExt;

use crate::broker::Broker;
use crate::error::{NatsError, broker};
use crate::lease::Lease;
use crate::names::Names;
use crate::partition;

/// Counts the rows of a group that no stored state covers: those that workers have and those that wait
/// at the broker.
///
/// It takes the broker time, a second with ten thousand series: what is watched all the time is
/// `aster_nats_pending_rows` of the workers.
///
/// # Errors
/// A broker that does not answer; another number of partitions than the group has.
pub async fn backlog(context: &Context, names: &Names, partitions: u32) -> Result<u64, NatsError> {
    let opened = Broker::open(context, names, partitions).await?;
    let mut rows = 0;
    for partition in 0..partitions {
        let Lease { generation, taken, .. } = opened.leases.read(partition).await?.lease;
        if generation == 0 {
            // No worker has ever had it.
            let filter = names.filter_of_rows(partition);
            let what = format!("rows of partition {partition}");
            let counts = opened.rows.info_with_subjects(filter).await;
            let mut counts = counts.map_err(broker(what.clone()))?;
            while let Some(count) = counts.try_next().await.map_err(broker(what.clone()))? {
                rows += count.1 as u64;
            }
            continue;
        }
        let name = partition::name(partition, generation);
        let what = format!("consumer {name}");
        let consumer = opened.rows.get_consumer::<pull::Config>(&name).await;
        let mut consumer = consumer.map_err(broker(what.clone()))?;
        let info = consumer.info().await.map_err(broker(what))?;
        rows += info.num_pending + info.delivered.consumer_sequence.saturating_sub(taken);
    }
    Ok(rows)
}
