//! Which worker has which partition.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::jetstream::kv::{Entry, Operation, Store};
use bytes::Bytes;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::error::{NatsError, broker};
use crate::names::Names;

/// Owner of a partition, and how far its rows are done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lease {
    /// The worker; none where one has given it back.
    pub(crate) worker: Option<String>,
    /// Number of the owner since the group began.
    pub(crate) generation: u64,
    /// Sequence number up to which all rows of the partition are covered by stored states.
    pub(crate) covered: u64,
    /// How many of the rows that have come to this owner these are.
    pub(crate) taken: u64,
}

/// A lease with the revision that the next change replaces.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) revision: u64,
}

/// Leases of a group.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    store: Store,
    pub(crate) partitions: u32,
}

impl Leases {
    /// Opens the leases of a group, which keeps the partitions that it began with.
    pub(crate) async fn open(
        store: Store,
        names: &Names,
        partitions: u32,
    ) -> Result<Self, NatsError> {
        const KEY: &str = "partitions";
        // The first one says it; whoever comes later reads what was said.
        let written = store.update(KEY, partitions.to_string().into(), 0).await;
        let entry = store.entry(KEY).await.map_err(broker(KEY))?;
        let (Some(entry), _) = (entry, written) else {
            let (what, expected) = (KEY.into(), "a number of partitions");
            return Err(NatsError::Stored { what, expected, got: "nothing".into() });
        };
        let said = String::from_utf8_lossy(&entry.value).parse().unwrap_or(0);
        match said == partitions {
            true => Ok(Self { store, partitions }),
            false => {
                let group = names.group().into();
                Err(NatsError::Partitions { group, expected: said, got: partitions })
            }
        }
    }

    /// Says that a worker is alive.
    pub(crate) async fn beat(&self, worker: &str) -> Result<(), NatsError> {
        let put = self.store.put(key_of_worker(worker), Bytes::new()).await;
        put.map_err(broker("a sign of life"))?;
        Ok(())
    }

    /// Takes back what was said of a worker.
    pub(crate) async fn leave(&self, worker: &str) -> Result<(), NatsError> {
        self.store.purge(key_of_worker(worker)).await.map_err(broker("leaving"))
    }

    /// Reads the revisions of the workers' signs of life.
    pub(crate) async fn signs(&self) -> Result<HashMap<String, u64>, NatsError> {
        // The client's own list of keys was seen to wait for ever, presumably for one that was replaced
        // while it was read.
        let prefix = &self.store.prefix;
        let subjects = self.store.stream.info_with_subjects(format!("{prefix}worker.*")).await;
        let mut subjects = subjects.map_err(broker("workers"))?;
        let mut signs = HashMap::new();
        while let Some((subject, _)) = subjects.try_next().await.map_err(broker("workers"))? {
            let Some(key) = subject.strip_prefix(prefix) else { continue };
            let Some(worker) = key.strip_prefix("worker.") else { continue };
            if let Some(revision) = self.sign(worker).await? {
                signs.insert(worker.to_owned(), revision);
            }
        }
        Ok(signs)
    }

    /// Reads the revision of a worker's sign of life.
    pub(crate) async fn sign(&self, worker: &str) -> Result<Option<u64>, NatsError> {
        Ok(self.entry(&key_of_worker(worker)).await?.map(|entry| entry.revision))
    }

    /// Reads a lease.
    pub(crate) async fn read(&self, partition: u32) -> Result<Held, NatsError> {
        let key = key_of_partition(partition);
        let Some(entry) = self.entry(&key).await? else { return Ok(Held::default()) };
        let lease = serde_json::from_slice(&entry.value);
        let lease = lease.map_err(|error| NatsError::Stored {
            what: key,
            expected: "a lease",
            got: error.to_string(),
        })?;
        Ok(Held { lease, revision: entry.revision })
    }

    /// Gives back what is a worker's by name: what it had before it began anew, which the others would leave
    /// to it though it may have its share without, or what a lost partition kept it from closing.
    pub(crate) async fn release(&self, worker: &str) -> Result<(), NatsError> {
        for partition in 0..self.partitions {
            let mut held = self.read(partition).await?;
            if held.lease.worker.as_deref() == Some(worker) {
                held.lease.worker = None;
                match self.write(partition, &held).await {
                    Ok(_) | Err(NatsError::Lost { .. }) => {} // another worker was faster
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Writes a lease, if nobody has meanwhile.
    pub(crate) async fn write(&self, partition: u32, held: &Held) -> Result<Held, NatsError> {
        let what = key_of_partition(partition);
        let value = serde_json::to_vec(&held.lease).map_err(broker(what.clone()))?;
        let written = self.store.update(&what, value.into(), held.revision).await;
        match written {
            Ok(revision) => Ok(Held { lease: held.lease.clone(), revision }),
            Err(error) => Err(lost(&error, what.clone()).unwrap_or_else(|| broker(what)(error))),
        }
    }

    async fn entry(&self, key: &str) -> Result<Option<Entry>, NatsError> {
        let entry = self.store.entry(key).await.map_err(broker(key))?;
        Ok(entry.filter(|entry| entry.operation == Operation::Put))
    }
}

/// What a refused update says, if it is that another has written.
pub(crate) fn lost(
    error: &async_nats::jetstream::kv::UpdateError,
    what: String,
) -> Option<NatsError> {
    use async_nats::jetstream::kv::UpdateErrorKind::WrongLastRevision;
    (error.kind() == WrongLastRevision).then_some(NatsError::Lost { what })
}

fn key_of_worker(worker: &str) -> String {
    format!("worker.{worker}")
}

fn key_of_partition(partition: u32) -> String {
    format!("partition.{partition}")
}

/// Workers that are alive, by a clock of one's own: those whose signs have come within a lease.
#[derive(Debug, Default)]
pub(crate) struct Alive {
    seen: HashMap<String, (u64, Instant)>,
}

impl Alive {
    /// Takes note of signs of life; gives the workers that are alive, in order.
    pub(crate) fn note(&mut self, signs: &HashMap<String, u64>, lease: Duration) -> Vec<String> {
        let now = Instant::now();
        self.seen.retain(|worker, _| signs.contains_key(worker));
        for (worker, &revision) in signs {
            let known = self.seen.entry(worker.clone()).or_insert((revision, now));
            if known.0 != revision {
                *known = (revision, now);
            }
        }
        let alive = self.seen.iter().filter(|(_, (_, since))| now - *since < lease);
        let mut alive: Vec<String> = alive.map(|(worker, _)| worker.clone()).collect();
        alive.sort_unstable();
        alive
    }
}

/// Partitions that each of so many workers has, the first ones one more where they do not divide.
pub(crate) fn share(partitions: u32, workers: usize, place: usize) -> usize {
    let (partitions, workers) = (partitions as usize, workers.max(1));
    partitions / workers + usize::from(place < partitions % workers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_partitions() {
        for (partitions, workers) in [(16, 1), (16, 3), (2, 5), (7, 7)] {
            let shares: Vec<usize> =
                (0..workers).map(|place| share(partitions, workers, place)).collect();
            assert_eq!(shares.iter().sum::<usize>(), partitions as usize);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }

    #[test]
    fn who_gives_no_sign_is_not_alive() {
        let (mut alive, lease) = (Alive::default(), Duration::from_millis(60));
        let signs = |a, b| HashMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(alive.note(&signs(1, 1), lease), ["a", "b"]);
        std::thread::sleep(lease);
        assert_eq!(alive.note(&signs(2, 1), lease), ["a"]);
        assert_eq!(alive.note(&HashMap::from([("b".to_owned(), 2)]), lease), ["b"]);
    }
}
