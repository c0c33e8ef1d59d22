use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use aster_base::{SettingError, at_least_one};
use aster_eval::{Acknowledgement, Interval};
use aster_store::{Contents, Format};
use rayon::prelude::*;

use crate::detector::Detector;
use crate::error::DetectError;
use crate::explain::{Attribution, Contribution};
use crate::stream::output::StreamOutput;
use crate::stream::policy::{StreamConfig, StreamCounts};
use crate::stream::row::Row;
use crate::stream::saved;
use crate::stream::state::{StreamState, advance};
use crate::stream::telemetry;

const FORMAT: Format = Format { name: "aster-streams", version: 10 };

/// Format of one stream by itself, the version of which changes with that of many.
const ONE: Format = Format { name: "aster-stream-of-many", version: FORMAT.version };

/// Streams whose windows are due at the same rows: enough to keep all cores busy.
const TOGETHER: usize = 32;

/// Many streams of one detector, whose windows the network runs on together.
///
/// A push visits the streams that it names and no other. Of streams that begin together, 32 at a
/// time have their windows due at the same rows, so that no push runs the network for all of them:
/// a score is final up to a stride later than that of a [`StreamingDetector`](crate::StreamingDetector), and
/// the same.
///
/// ```no_run
/// use std::sync::Arc;
/// use aster_detect::{Detector, Row, StreamConfig, Streams};
///
/// # fn run(detector: Detector) -> Result<(), Box<dyn std::error::Error>> {
/// let mut streams = Streams::new(Arc::new(detector), StreamConfig::default())?;
/// let row = |values| Row::new(0, values);
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
    threads: usize,
    streams: BTreeMap<String, StreamState>,
}

/// A stream that has left the others for a push.
struct Pushed<'r> {
    name: String,
    state: StreamState,
    /// Its counts before the push.
    before: StreamCounts,
    rows: Vec<&'r Row<'r>>,
    output: StreamOutput,
}

impl Streams {
    /// Creates an empty set; each stream begins with its first row.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn new(detector: Arc<Detector>, config: StreamConfig) -> Result<Self, DetectError> {
        config.check()?;
        Ok(Self { detector, config, threads: 1, streams: BTreeMap::new() })
    }

    /// Cuts the streams of a push into so many shards, which threads of rayon's pool score at the
    /// same time. Without it there is one, which suits a GPU: it runs on all windows at once.
    ///
    /// # Errors
    /// No thread.
    pub fn with_threads(self, threads: usize) -> Result<Self, SettingError> {
        at_least_one("threads", threads)?;
        Ok(Self { threads, ..self })
    }

    /// Takes the next rows of any of the streams; returns the scores and alarms that become final,
    /// for each stream that is named.
    ///
    /// # Errors
    /// A row that the config rejects, or of another number of channels; then none of the rows
    /// was taken.
    #[tracing::instrument(level = "debug", skip_all, fields(rows = rows.len()))]
    pub fn push<'r>(
        &mut self,
        rows: &'r [(impl AsRef<str>, Row<'r>)],
    ) -> Result<BTreeMap<String, StreamOutput>, DetectError> {
        let mut of_stream: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for (name, row) in rows {
            of_stream.entry(name.as_ref()).or_default().push(row);
        }
        let fresh = StreamState::new(&self.detector, self.config)?;
        for (name, rows) in &of_stream {
            let state = self.streams.get(*name).unwrap_or(&fresh);
            state.check(&self.detector, rows.iter().copied())?;
        }
        let mut pushed: Vec<Pushed> = vec![];
        for (name, rows) in of_stream {
            let known = self.streams.remove_entry(name);
            let (name, state) = known.unwrap_or_else(|| {
                let mut state = fresh.clone();
                let number = self.streams.len() + pushed.len();
                state.set_delay(number / TOGETHER % self.detector.windows.stride());
                (name.into(), state)
            });
            let (before, output) = (state.counts(), StreamOutput::default());
            pushed.push(Pushed { name, state, before, rows, output });
        }
        let started = Instant::now();
        let shard = pushed.len().div_ceil(self.threads).max(1);
        match self.threads {
            1 => push_shard(&self.detector, &mut pushed),
            _ => pushed.par_chunks_mut(shard).for_each(|it| push_shard(&self.detector, it)),
        }
        let mut outputs = BTreeMap::new();
        telemetry::time_push(started);
        for Pushed { name, state, before, output, .. } in pushed {
            telemetry::count(&output, before, state.counts(), state.lag());
            self.streams.insert(name.clone(), state);
            outputs.insert(name, output);
        }
        Ok(outputs)
    }

    /// Returns the largest number of rows after its own that make a score final.
    pub fn latency(&self) -> usize {
        self.detector.latency() + self.detector.windows.stride() - 1 + self.config.reorder
    }

    /// Takes over a new detector of the same channels, as
    /// [`StreamingDetector::swap`](crate::StreamingDetector::swap) does; returns the scores that
    /// this makes final, of the streams that have any.
    ///
    /// # Errors
    /// Other channels; then the old detector goes on.
    pub fn swap(
        &mut self,
        detector: Arc<Detector>,
    ) -> Result<BTreeMap<String, StreamOutput>, DetectError> {
        detector.check_channels_of(&self.detector)?;
        let mut outputs = BTreeMap::new();
        for (name, state) in &mut self.streams {
            let mut output = StreamOutput::default();
            state.swap(&self.detector, &detector, &mut output);
            telemetry::count_told(&output);
            if output != StreamOutput::default() {
                outputs.insert(name.clone(), output);
            }
        }
        self.detector = detector;
        Ok(outputs)
    }

    /// Attributes the scores of rows of a stream to channels, as
    /// [`StreamingDetector::attribute`](crate::StreamingDetector::attribute) does; nothing if there
    /// is no stream of that name.
    ///
    /// # Errors
    /// As there.
    pub fn attribute(
        &self,
        name: &str,
        rows: Range<u64>,
        method: Attribution,
    ) -> Result<Option<Vec<Contribution>>, DetectError> {
        let state = self.streams.get(name);
        state.map(|state| state.attribute(&self.detector, rows, method)).transpose()
    }

    /// Returns the alarm of a stream that goes on, as it would be if it ended with the last score.
    pub fn open_alarm(&self, name: &str) -> Option<Interval> {
        self.streams.get(name)?.open_alarm()
    }

    /// Takes a person's word on the alarm of a stream that goes on, as
    /// [`StreamingDetector::acknowledge`](crate::StreamingDetector::acknowledge) does; nothing where
    /// there is no such stream or alarm.
    ///
    /// # Errors
    /// As there.
    pub fn acknowledge(
        &mut self,
        name: &str,
        said: Acknowledgement,
    ) -> Result<Option<StreamOutput>, DetectError> {
        let Some(state) = self.streams.get_mut(name) else { return Ok(None) };
        let mut output = StreamOutput::default();
        let open = state.acknowledge(&self.detector, said, &mut output)?;
        telemetry::count_told(&output);
        Ok(open.then_some(output))
    }

    /// Returns the bytes of memory that the states take, without the detector: at most
    /// [`Detector::stream_memory`] each.
    pub fn memory(&self) -> usize {
        self.streams.values().map(StreamState::memory).sum()
    }

    /// Returns the detector.
    pub fn detector(&self) -> &Arc<Detector> {
        &self.detector
    }

    /// Tells what time it is, as [`StreamingDetector::tick`](crate::StreamingDetector::tick) does;
    /// returns what is said of streams whose rows have stopped.
    ///
    /// # Errors
    /// As there.
    pub fn tick(&mut self, now: i64) -> Result<BTreeMap<String, StreamOutput>, DetectError> {
        let mut outputs = BTreeMap::new();
        for (name, state) in &mut self.streams {
            let mut output = StreamOutput::default();
            state.tick(&self.detector, now, &mut output)?;
            telemetry::count_told(&output);
            if !output.notices.is_empty() {
                outputs.insert(name.clone(), output);
            }
        }
        Ok(outputs)
    }

    /// Ends a stream and forgets it; nothing if there is none of that name.
    pub fn finish(&mut self, name: &str) -> Option<StreamOutput> {
        let mut state = self.streams.remove(name)?;
        let mut output = StreamOutput::default();
        state.finish(&self.detector, &mut output);
        telemetry::count_told(&output);
        Some(output)
    }

    /// Forgets a stream without ending it, so that another process goes on with it; says whether there
    /// was one of that name.
    pub fn remove(&mut self, name: &str) -> bool {
        self.streams.remove(name).is_some()
    }

    /// Packs the state of one stream into a buffer, for a store that other processes read
    /// ([`Streams::insert`]); nothing if there is none of that name.
    ///
    /// # Errors
    /// A state that JSON cannot hold.
    pub fn to_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, DetectError> {
        let state = self.streams.get(name);
        state.map(|state| saved::to_bytes(ONE, &self.detector, state)).transpose()
    }

    /// Takes over a stream that [`Streams::to_bytes`] packed, in place of one of that name: its scores
    /// are those of a stream that was never interrupted, its thresholds those of the detector here.
    ///
    /// # Errors
    /// A buffer that is damaged or holds something else, a stream of another detector
    /// ([`Detector::fingerprint`]); then nothing changes.
    pub fn insert(&mut self, name: impl Into<String>, bytes: &[u8]) -> Result<(), DetectError> {
        let valid = |state: &StreamState| state.validate(&self.detector);
        let contents = Contents::of_buffer(bytes, ONE)?;
        let mut state = saved::read(&contents, &self.detector, valid)?;
        state.take_settings(&self.detector);
        self.streams.insert(name.into(), state);
        Ok(())
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
        saved::save(folder.as_ref(), FORMAT, &self.detector, &(self.config, &self.streams))
    }

    /// Loads the states that [`Streams::save`] wrote, with the thresholds of the detector; they are
    /// scored in one shard.
    ///
    /// # Errors
    /// A file that is missing or damaged, streams of another detector
    /// ([`Detector::fingerprint`]).
    pub fn load(detector: Arc<Detector>, folder: impl AsRef<Path>) -> Result<Self, DetectError> {
        let valid = |(_, streams): &(StreamConfig, BTreeMap<String, StreamState>)| {
            streams.values().try_for_each(|state| state.validate(&detector))
        };
        let (config, mut streams) =
            saved::read(&Contents::of_folder(folder.as_ref(), FORMAT)?, &detector, valid)?;
        streams.values_mut().for_each(|state| state.take_settings(&detector));
        Ok(Self { detector, config, threads: 1, streams })
    }
}

/// Pushes the rows of some streams, whose windows the network runs on together.
fn push_shard(detector: &Detector, pushed: &mut [Pushed]) {
    let runner = detector.runner();
    for Pushed { state, rows, output, .. } in pushed.iter_mut() {
        rows.iter().for_each(|row| state.take(detector, &runner, row, output));
    }
    let pairs = pushed.iter_mut().map(|Pushed { state, output, .. }| (state, output));
    advance(detector, &runner, &mut pairs.collect::<Vec<_>>());
}
