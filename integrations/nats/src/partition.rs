//! Partitions that a worker has, and their rows.

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::broker::Broker;
use crate::config::WorkerConfig;
use crate::error::{NatsError, broker};
use crate::lease::{Held, Lease};

/// Task that ends with what holds it.
pub(crate) struct Task(pub(crate) JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Row of a partition, or why there are no more.
pub(crate) struct Incoming {
    pub(crate) partition: u32,
    pub(crate) generation: u64,
    pub(crate) message: Result<Message, NatsError>,
}

/// A partition that this worker has.
pub(crate) struct Part {
    partition: u32,
    held: Held,
    /// The last row that was seen, which acknowledges those before it.
    last: Option<(u64, Message)>,
    unacknowledged: usize,
    _pull: Task,
}

impl Part {
    /// Takes a partition: from now on its rows come, from the first one that no stored state covers.
    pub(crate) async fn take(
        broker: &Broker,
        config: &WorkerConfig,
        partition: u32,
        held: Held,
        sender: &mpsc::Sender<Incoming>,
    ) -> Result<Self, NatsError> {
        let Lease { generation: before, covered, .. } = held.lease;
        let generation = before + 1;
        let lease = Lease { worker: Some(config.worker.clone()), generation, covered };
        let revision = held.revision;
        let held = broker.leases.write(partition, &Held { lease, revision }).await?;
        // The rows of the worker before end with its consumer.
        let earlier = name(partition, before);
        if let Err(error) = broker.rows.delete_consumer(&earlier).await {
            tracing::debug!("consumer {earlier}: {error}");
        }
        let pull = pull(broker, config, partition, generation, covered, sender.clone()).await?;
        Ok(Self { partition, held, last: None, unacknowledged: 0, _pull: pull })
    }

    pub(crate) fn generation(&self) -> u64 {
        self.held.lease.generation
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        self.unacknowledged
    }

    /// Takes note of a row.
    pub(crate) fn seen(&mut self, sequence: u64, message: &Message) {
        self.last = Some((sequence, message.clone()));
        self.unacknowledged += 1;
    }

    /// Acknowledges all rows that were seen, when states that cover them are stored.
    pub(crate) async fn acknowledge(&mut self, broker: &Broker) -> Result<(), NatsError> {
        let Some((sequence, message)) = self.last.take() else { return Ok(()) };
        self.held.lease.covered = self.held.lease.covered.max(sequence);
        self.held = broker.leases.write(self.partition, &self.held).await?;
        message.ack().await.map_err(crate::error::broker("an acknowledgement"))?;
        self.unacknowledged = 0;
        Ok(())
    }

    /// Leaves the partition to others.
    pub(crate) async fn give_back(mut self, broker: &Broker) -> Result<(), NatsError> {
        self.held.lease.worker = None;
        broker.leases.write(self.partition, &self.held).await?;
        Ok(())
    }
}

/// Name of the consumer of a partition's owner.
pub(crate) fn name(partition: u32, generation: u64) -> String {
    format!("partition-{partition}-{generation}")
}

/// Sends on the rows of a partition after a sequence number.
async fn pull(
    to: &Broker,
    config: &WorkerConfig,
    partition: u32,
    generation: u64,
    covered: u64,
    sender: mpsc::Sender<Incoming>,
) -> Result<Task, NatsError> {
    let consumer = pull::Config {
        durable_name: Some(name(partition, generation)),
        filter_subject: to.names.filter_of_rows(partition),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: covered + 1 },
        ack_policy: AckPolicy::All,
        // Rows come again to another consumer, not to this one.
        ack_wait: 10 * config.checkpoint() + 10 * config.lease(),
        max_ack_pending: i64::try_from(config.unacknowledged).unwrap_or(i64::MAX),
        ..Default::default()
    };
    let what = format!("the rows of partition {partition}");
    let consumer = to.rows.create_consumer(consumer).await.map_err(broker(what.clone()))?;
    let rows = consumer.stream().max_messages_per_batch(config.batch).messages().await;
    let mut rows = rows.map_err(broker(what.clone()))?;
    Ok(Task(tokio::spawn(async move {
        while let Some(message) = rows.next().await {
            let message = message.map_err(broker(what.clone()));
            let failed = message.is_err();
            let sent = sender.send(Incoming { partition, generation, message }).await;
            if failed || sent.is_err() {
                return;
            }
        }
    })))
}
