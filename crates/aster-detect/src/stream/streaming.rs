use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use aster_eval::{Acknowledgement, Interval};
use aster_store::{Contents, Format};

use crate::detector::Detector;
use crate::error::DetectError;
use crate::explain::{Attribution, Contribution};
use crate::stream::output::StreamOutput;
use crate::stream::policy::{StreamConfig, StreamCounts};
use crate::stream::row::Row;
use crate::stream::saved;
use crate::stream::state::{StreamState, advance};
use crate::stream::telemetry;

const FORMAT: Format = Format { name: "aster-stream", version: 10 };

/// Detector of a stream of rows: it scores them as [`Detector::detect`] scores a series, within
/// rounding.
///
/// Its memory does not grow with the stream, and each row is scored as soon as no later one can
/// change its score.
///
/// ```no_run
/// # use aster_detect::{DetectError, Detector, Row, StreamConfig, StreamingDetector};
/// # fn run(rows: Vec<[f64; 3]>, device: burn::tensor::Device) -> Result<(), DetectError> {
/// let detector = Detector::load("detector", &device)?;
/// let mut stream = StreamingDetector::new(detector.into(), StreamConfig::default())?;
/// println!("a score is final {} rows after its own", stream.latency());
/// for (second, values) in rows.iter().enumerate() {
///     let found = stream.push(&[Row::new(second as i64, values)])?;
///     for scored in found.scores.iter().filter(|scored| scored.alarms) {
///         println!("{scored}");
///     }
/// }
/// stream.save("stream")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct StreamingDetector {
    detector: Arc<Detector>,
    state: StreamState,
}

impl StreamingDetector {
    /// Creates a detector at the beginning of a stream.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn new(detector: Arc<Detector>, config: StreamConfig) -> Result<Self, DetectError> {
        Ok(Self { state: StreamState::new(&detector, config)?, detector })
    }

    #[cfg(feature = "parquet")]
    pub(crate) fn resume(detector: Arc<Detector>, state: StreamState) -> Self {
        Self { detector, state }
    }

    #[cfg(feature = "parquet")]
    pub(crate) fn state(&self) -> &StreamState {
        &self.state
    }

    /// Takes the next rows; gives the scores that they make final, most often of earlier rows.
    /// One call with many rows costs less than many with one.
    ///
    /// # Errors
    /// A row that the config rejects, or of another number of channels; then none of the rows
    /// was taken.
    #[tracing::instrument(level = "debug", skip_all, fields(rows = rows.len()))]
    pub fn push(&mut self, rows: &[Row]) -> Result<StreamOutput, DetectError> {
        let Self { detector, state } = self;
        state.check(detector, rows)?;
        let (started, before) = (Instant::now(), state.counts());
        let runner = detector.runner();
        let mut output = StreamOutput::default();
        rows.iter().for_each(|row| state.take(detector, &runner, row, &mut output));
        advance(detector, &runner, &mut [(state, &mut output)]);
        telemetry::count(&output, before, state.counts(), state.lag());
        telemetry::time_push(started);
        Ok(output)
    }

    /// Takes over a new detector of the same channels, as after a nightly training or for another
    /// threshold, and gives the scores that this makes final.
    ///
    /// Scores go on as those that the new detector would have given from the beginning, as far as
    /// they depend on rows that are kept ([`StreamConfig::history`]). Thresholds begin anew with
    /// those of the new detector; an alarm that goes on stays open.
    ///
    /// # Errors
    /// Other channels; then the old detector goes on.
    pub fn swap(&mut self, detector: Arc<Detector>) -> Result<StreamOutput, DetectError> {
        detector.check_channels_of(&self.detector)?;
        let mut output = StreamOutput::default();
        self.state.swap(&self.detector, &detector, &mut output);
        telemetry::count_told(&output);
        self.detector = detector;
        Ok(output)
    }

    /// Attributes the scores of rows to channels, the largest contribution first, as
    /// [`Detector::attribute`] does: of a row, of an alarm that is over or of one that goes on.
    /// Rows are named by their numbers in the stream.
    ///
    /// ```no_run
    /// # use aster_detect::{Attribution, DetectError, Row, StreamingDetector};
    /// # fn run(mut stream: StreamingDetector, rows: &[Row]) -> Result<(), DetectError> {
    /// for scored in stream.push(rows)?.scores.iter().filter(|scored| scored.alarms) {
    ///     let why = stream.attribute(scored.row..scored.row + 1, Attribution::default())?;
    ///     println!("{scored}: {}", why[0]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Rows that have no score yet, or that are not kept any more
    /// ([`StreamConfig::history`]); as [`Detector::attribute`].
    pub fn attribute(
        &self,
        rows: Range<u64>,
        method: Attribution,
    ) -> Result<Vec<Contribution>, DetectError> {
        self.state.attribute(&self.detector, rows, method)
    }

    /// Returns the alarm that goes on, as it would be if it ended with the last score.
    pub fn open_alarm(&self) -> Option<Interval> {
        self.state.open_alarm()
    }

    /// Takes a person's word on the alarm that goes on: that it is normal, and closes as the new normal,
    /// or an incident, and never becomes that. Returns the event of the alarm that ends; nothing where
    /// no alarm goes on. The stream keeps it; [`Detector::with_normal`] keeps what is normal for the
    /// detector.
    ///
    /// # Errors
    /// A detector whose threshold does not follow drift.
    pub fn acknowledge(
        &mut self,
        said: Acknowledgement,
    ) -> Result<Option<StreamOutput>, DetectError> {
        let mut output = StreamOutput::default();
        let open = self.state.acknowledge(&self.detector, said, &mut output)?;
        telemetry::count_told(&output);
        Ok(open.then_some(output))
    }

    /// Returns the bytes of memory that the state of the stream takes, without the detector:
    /// at most [`Detector::stream_memory`].
    pub fn memory(&self) -> usize {
        self.state.memory()
    }

    /// Tells what time it is, in the unit of the timestamps, so that the stream can say that rows have
    /// stopped: once, when more were due than may be missing ([`Regular::fill`](crate::Regular), else
    /// three). Rows are due as [`StreamConfig::regular`] says, else by the median step of training.
    ///
    /// # Errors
    /// No step is known.
    pub fn tick(&mut self, now: i64) -> Result<StreamOutput, DetectError> {
        let mut output = StreamOutput::default();
        self.state.tick(&self.detector, now, &mut output)?;
        telemetry::count_told(&output);
        Ok(output)
    }

    /// Gives the scores of the rows that still wait, as those of a series that ends with them,
    /// and ends an alarm that goes on. Rows that are pushed later begin a new series.
    pub fn finish(&mut self) -> StreamOutput {
        let mut output = StreamOutput::default();
        self.state.finish(&self.detector, &mut output);
        telemetry::count_told(&output);
        output
    }

    /// Returns the largest number of rows after its own that make a score final.
    pub fn latency(&self) -> usize {
        self.detector.latency() + self.state.reorder()
    }

    /// Returns the counts of the rows so far.
    pub fn counts(&self) -> StreamCounts {
        self.state.counts()
    }

    /// Returns the detector.
    pub fn detector(&self) -> &Arc<Detector> {
        &self.detector
    }

    /// Saves the state of the stream, without the detector, into a folder; what it held
    /// before is replaced in one moment.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), DetectError> {
        saved::save(folder.as_ref(), FORMAT, &self.detector, &self.state)
    }

    /// Loads the state that [`StreamingDetector::save`] wrote: the scores are those of a stream
    /// that was never interrupted. Thresholds and alarms are those of the detector, which may have
    /// changed since.
    ///
    /// # Errors
    /// A file that is missing or damaged, a stream of another detector
    /// ([`Detector::fingerprint`]).
    pub fn load(detector: Arc<Detector>, folder: impl AsRef<Path>) -> Result<Self, DetectError> {
        let valid = |state: &StreamState| state.validate(&detector);
        let mut state: StreamState =
            saved::read(&Contents::of_folder(folder.as_ref(), FORMAT)?, &detector, valid)?;
        state.take_settings(&detector);
        Ok(Self { detector, state })
    }
}
