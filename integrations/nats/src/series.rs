//! Series that a worker has, and their states on the broker.

use std::collections::HashMap;

use aster::detect::Streams;
use async_nats::jetstream::kv::Operation;
use futures::{StreamExt, TryStreamExt};

use crate::broker::Broker;
use crate::error::{NatsError, broker, detector};
use crate::lease::lost;
use crate::names::{partition, token};
use crate::record::Record;
use crate::telemetry;
use crate::tell::Last;

/// States that are read or written at the same time.
const TOGETHER: usize = 32;

/// What a worker knows of a series beside its stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series {
    /// Revision of the stored state, 0 if there is none.
    revision: u64,
    /// Sequence number of the last row that the stream has seen.
    pub(crate) covered: u64,
    /// Events so far.
    pub(crate) events: u64,
    /// The last of them that may not have been told.
    waiting: Vec<String>,
    /// The last event on the broker, if it is known.
    last: Option<Last>,
    /// Whether the stream has changed since it was stored.
    pub(crate) changed: bool,
}

impl Series {
    /// Partition of a series.
    pub(crate) fn partition(name: &str, partitions: u32) -> u32 {
        partition(&token(name), partitions)
    }

    /// Reads what is stored of series; of one that begins, nothing is.
    pub(crate) async fn load(
        from: &Broker,
        names: Vec<String>,
    ) -> Result<Vec<(String, Record, Self)>, NatsError> {
        let load = async |name: String| {
            let what = || broker(format!("the state of series {name:?}"));
            let entry = from.states.entry(token(&name)).await.map_err(what())?;
            let Some(entry) = entry else { return Ok((name, Record::default(), Self::default())) };
            let revision = entry.revision;
            let record = match entry.operation {
                Operation::Put => Record::unpack(&name, &entry.value)?,
                // Somebody has deleted it: the series begins anew.
                _ => Record::default(),
            };
            let Record { covered, events, .. } = record;
            let waiting = record.waiting.clone();
            let known = Self { revision, covered, events, waiting, last: None, changed: false };
            Ok((name, record, known))
        };
        let loads = futures::stream::iter(names.into_iter().map(load));
        loads.buffer_unordered(TOGETHER).try_collect().await
    }

    /// Takes note of events, which wait to be told until they are stored.
    pub(crate) fn say(&mut self, events: Vec<String>) {
        self.events += events.len() as u64;
        self.waiting.extend(events);
        self.changed = true;
    }

    /// Publishes events that wait.
    pub(crate) async fn tell(&mut self, to: &Broker, name: &str) -> Result<(), NatsError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let first = self.events - self.waiting.len() as u64;
        self.last = Some(to.tell(name, first, &self.waiting, self.last).await?);
        telemetry::told(self.waiting.len());
        self.waiting.clear();
        Ok(())
    }
}

/// Stores the states of some series, then publishes what they have to tell.
pub(crate) async fn store(
    to: &Broker,
    streams: &Streams,
    series: &mut HashMap<String, Series>,
    names: Vec<String>,
) -> Result<(), NatsError> {
    let most = to.context.client().server_info().max_payload;
    let mut stored = vec![];
    for name in names {
        if let Some(known) = series.remove(&name) {
            stored.push((name, known));
        }
    }
    let fingerprint = streams.detector().fingerprint();
    let store = async |(name, mut known): (String, Series)| {
        let packed = streams.to_bytes(&name);
        let packed = packed.map_err(detector(format!("series {name:?}")))?;
        let record = Record {
            covered: known.covered,
            events: known.events,
            waiting: known.waiting.clone(),
            fingerprint: fingerprint.into(),
            // None, where no row of the series could be taken yet.
            stream: packed.unwrap_or_default(),
        };
        let what = format!("the state of series {name:?}");
        let packed = record.pack().map_err(broker(what.clone()))?;
        if packed.len() > most {
            return Err(NatsError::TooLarge { series: name, got: packed.len(), most });
        }
        telemetry::state(packed.len());
        let written = to.states.update(token(&name), packed.into(), known.revision).await;
        known.revision = written
            .map_err(|error| lost(&error, what.clone()).unwrap_or_else(|| broker(what)(error)))?;
        known.changed = false;
        known.tell(to, &name).await?;
        Ok((name, known))
    };
    let stores = futures::stream::iter(stored.into_iter().map(store));
    let stored: Vec<(String, Series)> = stores.buffer_unordered(TOGETHER).try_collect().await?;
    series.extend(stored);
    Ok(())
}
