use std::path::Path;
use std::sync::Arc;

use aster_store::{Entry, Folder, Format, replace};

use crate::detector::Detector;
use crate::error::DetectError;
use crate::stream::policy::{Row, StreamConfig, StreamCounts};
use crate::stream::state::{StreamOutput, StreamState, advance};

const FORMAT: Format = Format { name: "aster-stream", version: 2 };

/// Detector of a stream of rows: it scores them as [`Detector::detect`] scores a series, within
/// rounding.
///
/// Its memory does not grow with the stream, and each row is scored as soon as no later one can
/// change its score.
///
/// ```no_run
/// # use aster_detect::{DetectError, Detector, Row, StreamConfig, StreamingDetector};
/// # fn run(rows: Vec<[f32; 3]>, device: burn::tensor::Device) -> Result<(), DetectError> {
/// let detector = Detector::load("detector", &device)?;
/// let mut stream = StreamingDetector::new(detector.into(), StreamConfig::default())?;
/// println!("a score is final {} rows after its own", stream.latency());
/// for (second, values) in rows.iter().enumerate() {
///     let found = stream.push(&[Row { time: Some(second as i64), values }])?;
///     for scored in found.scores.iter().filter(|scored| scored.alarms) {
///         println!("{scored:?}");
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

    #[cfg(feature = "files")]
    pub(crate) fn resume(detector: Arc<Detector>, state: StreamState) -> Self {
        Self { detector, state }
    }

    #[cfg(feature = "files")]
    pub(crate) fn state(&self) -> &StreamState {
        &self.state
    }

    /// Takes the next rows; gives the scores that they make final, most often of earlier rows.
    /// One call with many rows costs less than many with one.
    ///
    /// # Errors
    /// A row that the config rejects, or of another number of channels; then none of the rows
    /// was taken.
    pub fn push(&mut self, rows: &[Row]) -> Result<StreamOutput, DetectError> {
        let Self { detector, state } = self;
        state.check(detector, rows)?;
        let runner = detector.runner();
        let mut output = StreamOutput::default();
        // No more rows at once than the network runs on at once.
        for rows in rows.chunks(runner.rows_at_once()) {
            rows.iter().for_each(|row| state.take(detector, &runner, *row, &mut output));
            advance(detector, &runner, &mut [(state, &mut output)]);
        }
        Ok(output)
    }

    /// Gives the scores of the rows that still wait, as those of a series that ends with them,
    /// and ends an alarm that goes on. Rows that are pushed later begin a new series.
    pub fn finish(&mut self) -> StreamOutput {
        let mut output = StreamOutput::default();
        self.state.end_segment(&self.detector, &self.detector.runner(), &mut output);
        output
    }

    /// Returns the largest number of rows after its own that make a score final.
    pub fn latency(&self) -> usize {
        self.detector.latency()
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
        let entry = Entry::json("stream", &self.state);
        Ok(replace(folder.as_ref(), FORMAT, vec![entry])?)
    }

    /// Loads the state that [`StreamingDetector::save`] wrote: the scores are those of a stream
    /// that was never interrupted.
    ///
    /// # Errors
    /// A file that is missing, damaged, or of a stream of another detector.
    pub fn load(detector: Arc<Detector>, folder: impl AsRef<Path>) -> Result<Self, DetectError> {
        let folder = Folder::open(folder.as_ref(), FORMAT)?;
        let state: StreamState = folder.json("stream")?;
        let expected = "a stream of this detector";
        state.validate(&detector).map_err(|got| folder.invalid("stream", expected, got))?;
        Ok(Self { detector, state })
    }
}
