use aster::detect::Row;
use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;

use crate::broker::Broker;
use crate::error::{NatsError, broker};
use crate::names::Names;

/// Publisher of rows: any client of NATS can be one, this one knows the subjects.
#[derive(Debug, Clone)]
pub struct Publisher {
    context: Context,
    names: Names,
    partitions: u32,
}

impl Publisher {
    /// Creates a publisher for a group of so many partitions, whose streams are made where they are
    /// missing.
    ///
    /// # Errors
    /// A broker that does not answer; another number of partitions than the group has.
    pub async fn new(context: Context, names: Names, partitions: u32) -> Result<Self, NatsError> {
        Broker::open(&context, &names, partitions).await?;
        Ok(Self { context, names, partitions })
    }

    /// Publishes the next row of a series. What it gives back is ready when the broker has stored the row;
    /// a row without an answer may be published again with the same `id`, and is stored once. The context
    /// bounds how many answers may be open (`ContextBuilder::max_ack_inflight`, 5000): wait for some before.
    ///
    /// # Errors
    /// A broker that cannot be reached.
    pub async fn publish(
        &self,
        series: &str,
        row: &Row<'_>,
        id: Option<&str>,
    ) -> Result<PublishAckFuture, NatsError> {
        let subject = self.names.subject_of_rows(series, self.partitions);
        let what = format!("a row to {subject}");
        let payload = serde_json::to_vec(row).map_err(broker(what.clone()))?;
        let mut headers = HeaderMap::new();
        if let Some(id) = id {
            headers.insert("Nats-Msg-Id", id);
        }
        self.context
            .publish_with_headers(subject, headers, payload.into())
            .await
            .map_err(broker(what))
    }
}
