use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{FORMAT, Found, Row, Stream, StreamConfig, StreamCounts, advance};
use crate::sealed::{Part, Sealed, seal};
use crate::{Detector, TrainError};

/// Many streams, of which one detector sees the windows together.
///
/// ```no_run
/// use std::sync::Arc;
/// use aster_train::{Detector, Row, StreamConfig, Streams};
///
/// # fn run(detector: Detector) -> Result<(), Box<dyn std::error::Error>> {
/// let mut streams = Streams::new(Arc::new(detector), StreamConfig::default())?;
/// let row = |values| Row { time: Some(0), values };
/// let found = streams.push(&[("pump 1", row(&[0.1, 0.2])), ("pump 2", row(&[0.3, 0.1]))])?;
/// for (name, found) in found {
///     println!("{name}: {} scores are final", found.scores.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Streams {
    detector: Arc<Detector>,
    config: StreamConfig,
    streams: BTreeMap<String, Stream>,
}

impl Streams {
    /// Without a stream; each begins with its first row.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn new(detector: Arc<Detector>, config: StreamConfig) -> Result<Self, TrainError> {
        config.check()?;
        Ok(Self { detector, config, streams: BTreeMap::new() })
    }

    /// Takes the next rows of any of the streams; gives what they bring to an end, for each
    /// stream that is named.
    ///
    /// # Errors
    /// A row that the config rejects, or of another number of channels; then none of the rows
    /// was taken.
    pub fn push(&mut self, rows: &[(&str, Row)]) -> Result<BTreeMap<String, Found>, TrainError> {
        let mut of_stream: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        rows.iter().for_each(|(name, row)| of_stream.entry(name).or_default().push(*row));
        let fresh = Stream::new(&self.detector, self.config)?;
        for (name, rows) in &of_stream {
            self.streams.get(*name).unwrap_or(&fresh).check(&self.detector, rows)?;
        }
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        for (name, rows) in of_stream {
            let stream = self.streams.entry(name.into()).or_insert_with(|| fresh.clone());
            let found = found.entry(name.into()).or_default();
            rows.into_iter().for_each(|row| stream.take(&self.detector, row, found));
        }
        let streams = self.streams.iter_mut();
        let mut named: Vec<_> = streams.filter(|(name, _)| found.contains_key(*name)).collect();
        let founds = found.values_mut();
        // Both are in the order of the names.
        let mut pairs: Vec<_> = named
            .iter_mut()
            .zip(founds)
            .map(|((_, stream), found)| (&mut **stream, found))
            .collect();
        advance(&self.detector, &mut pairs);
        Ok(found)
    }

    /// Ends a stream and forgets it; nothing if there is none of that name.
    pub fn finish(&mut self, name: &str) -> Option<Found> {
        let mut stream = self.streams.remove(name)?;
        let mut found = Found::default();
        stream.end_segment(&self.detector, &mut found);
        Some(found)
    }

    /// The streams and what has become of their rows, by name.
    pub fn counts(&self) -> impl Iterator<Item = (&str, StreamCounts)> {
        self.streams.iter().map(|(name, stream)| (name.as_str(), stream.counts))
    }

    /// Writes where all streams stand into a folder; what it held before is replaced in one
    /// moment.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), TrainError> {
        let state = (self.config, &self.streams);
        seal(folder.as_ref(), FORMAT, vec![Part::json("streams", &state)])
    }

    /// Goes on where [`Streams::save`] was called.
    ///
    /// # Errors
    /// A file that is missing, damaged, or of streams of another detector.
    pub fn load(detector: Arc<Detector>, folder: impl AsRef<Path>) -> Result<Self, TrainError> {
        let sealed = Sealed::open(folder.as_ref(), FORMAT)?;
        let (config, streams): (StreamConfig, BTreeMap<String, Stream>) = sealed.json("streams")?;
        match streams.values().all(|stream| stream.suits(&detector)) {
            true => Ok(Self { detector, config, streams }),
            false => Err(TrainError::Foreign {
                path: sealed.path("streams")?,
                reason: "it is of streams of another detector".into(),
            }),
        }
    }
}
