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
    /// Sequence numbers of the last row that was seen, in the stream and among those that came.
    last: (u64, u64),
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
        let lease = Lease { worker: Some(config.worker.clone()), generation, covered, taken: 0 };
        let revision = held.revision;
        let held = broker.leases.write(partition, &Held { lease, revision }).await?;
        // The rows of the worker before end with its consumer.
        let earlier = name(partition, before);
        if let Err(error) = broker.rows.delete_consumer(&earlier).await {
            tracing::debug!("consumer {earlier}: {error}");
        }
        let pull = pull(broker, config, partition, generation, covered, sender.clone()).await?;
        Ok(Self { partition, held, last: (covered, 0), _pull: pull })
    }

    pub(crate) fn generation(&self) -> u64 {
        self.held.lease.generation
    }

    /// Rows that were seen, and that no stored state covers.
    pub(crate) fn uncovered(&self) -> u64 {
        self.last.1 - self.held.lease.taken
    }

    /// Takes note of a row by its sequence numbers in the stream and among those that came.
    pub(crate) fn seen(&mut self, sequence: u64, came: u64) {
        self.last = (sequence, came);
    }

    /// Says that stored states cover all rows that were seen.
    pub(crate) async fn cover(&mut self, broker: &Broker) -> Result<(), NatsError> {
        if self.uncovered() > 0 {
            (self.held.lease.covered, self.held.lease.taken) = self.last;
            self.held = broker.leases.write(self.partition, &self.held).await?;
        }
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
///
/// The broker is not asked to remember what is done: the lease does, in one step, where the broker has been
/// seen to forget acknowledgements when it is killed, and an acknowledgement of all rows up to one covers
/// those that a broken connection has swallowed. Rows are numbered as they come; one that is missing, or comes
/// again, ends the consumer, and the next begins with the first row that no state covers. Where none comes, the
/// broker is asked how many it has sent.
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
        ack_policy: AckPolicy::None,
        ..Default::default()
    };
    let what = format!("the rows of partition {partition}");
    let consumer = to.rows.create_consumer(consumer).await.map_err(broker(what.clone()))?;
    let rows = consumer.stream().max_messages_per_batch(config.batch).messages().await;
    let mut rows = rows.map_err(broker(what.clone()))?;
    let quiet = config.lease();
    Ok(Task(tokio::spawn(async move {
        let (mut came, mut suspect) = (0, false);
        loop {
            let message = match tokio::time::timeout(quiet, rows.next()).await {
                Ok(None) => return,
                Ok(Some(message)) => {
                    (came, suspect) = (came + 1, false);
                    message.map_err(broker(what.clone())).and_then(|it| in_turn(&what, came, it))
                }
                // No row follows that would show that the last one is missing; it may be on its way.
                Err(_) => {
                    match consumer.get_info().await.map(|it| it.delivered.consumer_sequence) {
                        Ok(sent) if sent == came || !suspect => {
                            suspect = sent != came;
                            continue;
                        }
                        Ok(sent) => Err(gap(&what, came, sent)),
                        Err(error) => Err(broker(what.clone())(error)),
                    }
                }
            };
            let failed = message.is_err();
            let sent = sender.send(Incoming { partition, generation, message }).await;
            if failed || sent.is_err() {
                return;
            }
        }
    })))
}

/// Checks that a row is the delivery that was expected.
fn in_turn(what: &str, expected: u64, message: Message) -> Result<Message, NatsError> {
    match message.info().map_err(broker(what))?.consumer_sequence {
        got if got == expected => Ok(message),
        got => Err(gap(what, expected, got)),
    }
}

fn gap(what: &str, expected: u64, got: u64) -> NatsError {
    NatsError::Gap { what: what.into(), expected, got }
}
