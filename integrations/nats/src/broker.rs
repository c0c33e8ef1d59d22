//! What a group has on the broker.

use std::time::Duration;

use async_nats::jetstream::kv::Store;
use async_nats::jetstream::object_store::ObjectStore;
use async_nats::jetstream::stream::{DiscardPolicy, Stream};
use async_nats::jetstream::{Context, object_store, stream};

use crate::error::{NatsError, broker};
use crate::lease::Leases;
use crate::names::Names;

/// Streams and buckets of a group, which are made when they are first asked for.
///
/// They are kept in files of the broker without replicas. Whoever wants replicas, limits of age or
/// size, creates them beforehand: what is there stays as it is.
#[derive(Clone)]
pub(crate) struct Broker {
    pub(crate) names: Names,
    pub(crate) context: Context,
    pub(crate) rows: Stream,
    pub(crate) alarms: Stream,
    pub(crate) states: Store,
    pub(crate) leases: Leases,
    pub(crate) detectors: ObjectStore,
}

impl Broker {
    /// Opens what a group has, of so many partitions.
    pub(crate) async fn open(
        context: &Context,
        names: &Names,
        partitions: u32,
    ) -> Result<Self, NatsError> {
        let stream = async |name: String, kind: &str| {
            let config = stream::Config {
                subjects: vec![names.all(kind)],
                // Of what is published again after an answer was lost, one is kept.
                duplicate_window: Duration::from_secs(600),
                name,
                ..Default::default()
            };
            let what = format!("stream {}", config.name);
            context.get_or_create_stream(config).await.map_err(broker(what))
        };
        let rows = stream(names.rows(), "rows").await?;
        let alarms = stream(names.alarms(), "alarms").await?;
        stream(names.rejected(), "rejected").await?;
        let states = bucket(context, names.states()).await?;
        let leases = bucket(context, names.leases()).await?;
        let leases = Leases::open(leases, names, partitions).await?;
        let detectors = detectors(context, names).await?;
        let (names, context) = (names.clone(), context.clone());
        Ok(Self { names, context, rows, alarms, states, leases, detectors })
    }
}

/// A bucket as ADR-8 of NATS has it. The client's own call asks servers for what those before 2.10 do
/// not tell.
async fn bucket(context: &Context, bucket: String) -> Result<Store, NatsError> {
    let config = stream::Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        num_replicas: 1,
        ..Default::default()
    };
    let what = format!("bucket {bucket}");
    context.get_or_create_stream(config).await.map_err(broker(what.clone()))?;
    context.get_key_value(bucket).await.map_err(broker(what))
}

/// The object store of a group's detectors.
pub(crate) async fn detectors(context: &Context, names: &Names) -> Result<ObjectStore, NatsError> {
    let bucket = names.detectors();
    if let Ok(store) = context.get_object_store(&bucket).await {
        return Ok(store);
    }
    let what = format!("object store {bucket}");
    let config = object_store::Config { bucket, ..Default::default() };
    context.create_object_store(config).await.map_err(broker(what))
}
