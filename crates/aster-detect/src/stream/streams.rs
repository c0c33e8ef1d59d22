use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aster_store::{Entry, Folder, Format, replace};

use crate::detector::Detector;
use crate::error::DetectError;
use crate::stream::policy::{Row, StreamConfig, StreamCounts};
use crate::stream::state::{StreamOutput, StreamState, advance};

const FORMAT: Format = Format { name: "aster-streams", version: 2 };

/// Many streams of one detector, whose windows the network runs on together.
///
/// ```no_run
/// use std::sync::Arc;
/// use aster_detect::{Detector, Row, StreamConfig, Streams};
///
/// # fn run(detector: Detector) -> Result<(), Box<dyn std::error::Error>> {
/// let mut streams = Streams::new(Arc::new(detector), StreamConfig::default())?;
/// let row = |values| Row { time: Some(0), values };
/// let outputs = streams.push(&[("pump 1", row(&[0.1, 0.2])), ("pump 2", row(&[0.3, 0.1]))])?;
/// for (name, output) in outputs {
///     println!("{name}: {} scores are final", output.scores.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Streams {
    detector: Arc<Detector>,
    config: StreamConfig,
    streams: BTreeMap<String, StreamState>,
}

impl Streams {
    /// Creates an empty set; each stream begins with its first row.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn new(detector: Arc<Detector>, config: StreamConfig) -> Result<Self, DetectError> {
        config.check()?;
        Ok(Self { detector, config, streams: BTreeMap::new() })
    }

    /// Takes the next rows of any of the streams; returns the scores and alarms that become final,
    /// for each stream that is named.
    ///
    /// # Errors
    /// A row that the config rejects, or of another number of channels; then none of the rows
    /// was taken.
    pub fn push(
        &mut self,
        rows: &[(&str, Row)],
    ) -> Result<BTreeMap<String, StreamOutput>, DetectError> {
        let mut of_stream: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
        rows.iter().for_each(|(name, row)| of_stream.entry(name).or_default().push(*row));
        let fresh = StreamState::new(&self.detector, self.config)?;
        for (name, rows) in &of_stream {
            self.streams.get(*name).unwrap_or(&fresh).check(&self.detector, rows)?;
        }
        let runner = self.detector.runner();
        let mut outputs: BTreeMap<String, StreamOutput> = BTreeMap::new();
        for (name, rows) in of_stream {
            let state = self.streams.entry(name.into()).or_insert_with(|| fresh.clone());
            let output = outputs.entry(name.into()).or_default();
            rows.into_iter().for_each(|row| state.take(&self.detector, &runner, row, output));
        }
        let named = self.streams.iter_mut().filter(|(name, _)| outputs.contains_key(*name));
        let mut named: Vec<_> = named.map(|(_, state)| state).collect();
        // Both are in the order of the names.
        let pairs = named.iter_mut().map(|state| &mut **state).zip(outputs.values_mut());
        advance(&self.detector, &runner, &mut pairs.collect::<Vec<_>>());
        Ok(outputs)
    }

    /// Ends a stream and forgets it; nothing if there is none of that name.
    pub fn finish(&mut self, name: &str) -> Option<StreamOutput> {
        let mut state = self.streams.remove(name)?;
        let mut output = StreamOutput::default();
        state.end_segment(&self.detector, &self.detector.runner(), &mut output);
        Some(output)
    }

    /// Lists the streams with the counts of their rows, by name.
    pub fn counts(&self) -> impl Iterator<Item = (&str, StreamCounts)> {
        self.streams.iter().map(|(name, state)| (name.as_str(), state.counts()))
    }

    /// Saves the states of all streams into a folder; what it held before is replaced in one
    /// moment.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), DetectError> {
        let state = (self.config, &self.streams);
        Ok(replace(folder.as_ref(), FORMAT, vec![Entry::json("streams", &state)])?)
    }

    /// Loads the states that [`Streams::save`] wrote.
    ///
    /// # Errors
    /// A file that is missing, damaged, or of streams of another detector.
    pub fn load(detector: Arc<Detector>, folder: impl AsRef<Path>) -> Result<Self, DetectError> {
        let folder = Folder::open(folder.as_ref(), FORMAT)?;
        let (config, streams): (StreamConfig, BTreeMap<String, StreamState>) =
            folder.json("streams")?;
        let expected = "streams of this detector";
        let valid = streams.values().try_for_each(|state| state.validate(&detector));
        valid.map_err(|got| folder.invalid("streams", expected, got))?;
        Ok(Self { detector, config, streams })
    }
}
