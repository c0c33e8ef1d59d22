//! Events, each published once.

use aster::detect::StreamOutput;
use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use bytes::Bytes;
use serde::Serialize;

use crate::broker::Broker;
use crate::error::{NatsError, broker};

/// Header of the number of an event in its series, from 0.
pub const EVENT_HEADER: &str = "Aster-Event";

/// What is said of a series: an alarm event or a notice, with the names that these have in JSON.
#[derive(Debug, Serialize)]
struct Told<'a, T> {
    series: &'a str,
    number_in_series: u64,
    #[serde(flatten)]
    said: &'a T,
}

/// Events and notices of an output as JSON, numbered from `next` on.
pub(crate) fn events(
    series: &str,
    next: u64,
    outputs: &[StreamOutput],
) -> serde_json::Result<Vec<String>> {
    let mut told = vec![];
    for output in outputs {
        for said in &output.events {
            let number_in_series = next + told.len() as u64;
            told.push(serde_json::to_string(&Told { series, number_in_series, said })?);
        }
        for said in &output.notices {
            let number_in_series = next + told.len() as u64;
            told.push(serde_json::to_string(&Told { series, number_in_series, said })?);
        }
    }
    Ok(told)
}

/// Last event of a series on the broker: its sequence number there, and its number in the series.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Last {
    sequence: u64,
    /// Number of the event that comes next.
    next: u64,
}

impl Broker {
    /// Publishes the events of a series that are not there yet. The broker takes each only as the one
    /// after the last that was seen, so that none is doubled, whoever else publishes.
    pub(crate) async fn tell(
        &self,
        series: &str,
        first: u64,
        events: &[String],
        mut last: Option<Last>,
    ) -> Result<Last, NatsError> {
        let subject = self.names.subject_of_alarms(series);
        loop {
            let known = match last {
                Some(last) => last,
                None => self.last(&subject).await?,
            };
            let Some(event) = events.get(known.next.saturating_sub(first) as usize) else {
                return Ok(known);
            };
            // What was before these has been told, or is not kept any more.
            let number = known.next.max(first);
            let mut headers = HeaderMap::new();
            headers.insert(EVENT_HEADER, number.to_string());
            headers.insert("Nats-Expected-Last-Subject-Sequence", known.sequence.to_string());
            let sent = Bytes::from(event.clone());
            let sent = self.context.publish_with_headers(subject.clone(), headers, sent).await;
            let answer = match sent {
                Ok(answer) => answer.await,
                Err(error) => Err(error),
            };
            last = match answer {
                Ok(answer) => Some(Last { sequence: answer.sequence, next: number + 1 }),
                Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => None,
                Err(error) => return Err(broker(format!("an event to {subject}"))(error)),
            };
        }
    }

    async fn last(&self, subject: &str) -> Result<Last, NatsError> {
        match self.alarms.get_last_raw_message_by_subject(subject).await {
            Ok(message) => {
                let number = message.headers.get(EVENT_HEADER).map(|it| it.as_str().parse());
                let Some(Ok(number)) = number else {
                    let (what, expected) = (subject.into(), "an event of a worker");
                    let got = format!("a message without {EVENT_HEADER}");
                    return Err(NatsError::Stored { what, expected, got });
                };
                let number: u64 = number;
                Ok(Last { sequence: message.sequence, next: number + 1 })
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                Ok(Last::default())
            }
            Err(error) => Err(broker(format!("the last event of {subject}"))(error)),
        }
    }

    /// Puts a row that no worker can take where a person finds it.
    pub(crate) async fn reject(
        &self,
        series: &str,
        sequence: u64,
        reason: &str,
        row: Bytes,
    ) -> Result<(), NatsError> {
        let subject = self.names.subject_of_rejected(series);
        let mut headers = HeaderMap::new();
        // A header is one line.
        headers.insert("Aster-Reason", reason.replace(['\r', '\n'], " "));
        headers.insert("Aster-Row", sequence.to_string());
        headers.insert("Nats-Msg-Id", format!("row-{sequence}"));
        let what = || broker(format!("a rejected row to {subject}"));
        let sent = self.context.publish_with_headers(subject.clone(), headers, row).await;
        sent.map_err(what())?.await.map_err(what())?;
        Ok(())
    }
}
