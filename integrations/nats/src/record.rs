//! What is stored of a series.

use serde::{Deserialize, Serialize};

use crate::error::NatsError;

/// State of a series and how far it has come. It is one value, so that rows, state and what there is to
/// tell are stored together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Sequence number of the last row that the state has seen.
    pub(crate) covered: u64,
    /// Events that have been told or wait to be, since the series began.
    pub(crate) events: u64,
    /// The last of them, which may not have been told yet, in JSON.
    pub(crate) waiting: Vec<String>,
    /// Fingerprint of the detector that the stream belongs to.
    pub(crate) fingerprint: String,
    /// The stream, as `Streams::to_bytes` packs it.
    #[serde(skip)]
    pub(crate) stream: Vec<u8>,
}

const LEVEL: i32 = 1;

impl Record {
    /// Packs it: the length of its head, its head as JSON, the stream; all of it compressed.
    pub(crate) fn pack(&self) -> std::io::Result<Vec<u8>> {
        let head = serde_json::to_vec(self)?;
        let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
        bytes.extend(head);
        bytes.extend(&self.stream);
        zstd::bulk::compress(&bytes, LEVEL)
    }

    /// Reads what was packed.
    pub(crate) fn unpack(series: &str, packed: &[u8]) -> Result<Self, NatsError> {
        let wrong = |got: String| NatsError::Stored {
            what: format!("the state of series {series:?}"),
            expected: "a state",
            got,
        };
        let bytes = zstd::stream::decode_all(packed).map_err(|error| wrong(error.to_string()))?;
        let short = || wrong(format!("{} bytes", bytes.len()));
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
        let (head, stream) = rest.split_at_checked(length).ok_or_else(short)?;
        let head: Self = serde_json::from_slice(head).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { stream: stream.into(), ..head })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_or_is_an_error() {
        let record = Record {
            covered: 7,
            events: 3,
            waiting: vec!["{}".into()],
            fingerprint: "f".into(),
            stream: vec![0; 1000],
        };
        let packed = record.pack().unwrap();
        assert!(packed.len() < 200);
        assert_eq!(Record::unpack("a", &packed).unwrap(), record);
        let short = zstd::bulk::compress(&[9, 0, 0, 0, 0, 0, 0, 0, 1], 1).unwrap();
        for damaged in [&packed[..20], b"", b"{}", &short] {
            let error = Record::unpack("a", damaged).unwrap_err().to_string();
            assert!(error.contains("series \"a\""), "{error}");
        }
    }
}
