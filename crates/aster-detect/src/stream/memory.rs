use crate::alarm::{REASONS, Reason};
use crate::config::Source;
use crate::detector::Detector;
use crate::score::Reading;
use crate::stream::policy::StreamConfig;
use crate::stream::reorder::Reorder;
use crate::stream::segment::Segment;
use crate::stream::state::{StreamState, Waiting};
use crate::stream::watch::Watch;

impl Detector {
    /// Returns a bound on the bytes of memory that the state of a stream takes between pushes,
    /// without the detector.
    ///
    /// The largest parts are the memory of the drift
    /// ([`DriftConfig::memory`](aster_eval::DriftConfig::memory) and twice
    /// [`DriftConfig::longest`](aster_eval::DriftConfig::longest), 4 bytes each), the history
    /// ([`StreamConfig::history`] and what a score depends on, 8 bytes per channel and 16 for the
    /// time) and the moving averages.
    pub fn stream_memory(&self, config: &StreamConfig) -> usize {
        let (c, stride) = (self.input_count(), self.windows.stride());
        let of_row = c * size_of::<f64>() + size_of::<Option<i64>>();
        let history = (self.depends_on() + config.history) * of_row;
        // Scores that count, and those of an alarm that do not yet, in a list that doubles.
        let scores = self.config().drift.map_or(0, |drift| drift.memory + 2 * drift.longest);
        let drift = scores * size_of::<f32>() + 2 * self.config().alarm.n;
        // Rows that later windows cover or need, with the room to spare of a growing list.
        let open = 4 * (self.windows.length() + 2 * stride);
        let mean =
            |reading: &Reading| open * (reading.width(c) * size_of::<f64>() + size_of::<u32>());
        let means: usize = Reading::of_score(&self.config().score).iter().map(mean).sum();
        // The row before, for changes.
        let last = c * size_of::<f32>();
        let waiting = 2 * (self.latency() + 2 * stride) * size_of::<Waiting>();
        let components = self.config().score.components.iter().zip(self.calibration.widths());
        let averages = components.map(|(component, width)| {
            let channels = self.calibration.norms(component.source).len();
            let pending = 2 * (self.latency() + 2 * stride) * size_of::<f64>();
            channels * 4 * (width + 2) * size_of::<f64>() + pending
        });
        // Rows that are read with the next window, and the distances of those that wait for the least.
        let read = self.config().score.most_read_rows(self.windows.length());
        let recent = 4 * (read + 2 * stride) * c * size_of::<f32>();
        let least = 4 * (read + 2 * stride) * size_of::<f32>();
        // A moving mean per channel, and the residuals that wait for it.
        let offset = match self.config().score.reads(Source::DetrendedReconstruction) {
            true => {
                let rows = self.config().score.offset_rows;
                c * (4 * (rows + 2) * size_of::<f64>() + 2 * (rows + 2 * stride) * size_of::<f32>())
            }
            false => 0,
        };
        let longest = self.channels().iter().map(String::len).max().unwrap_or(0);
        let reasons = 2 * c.min(REASONS) * (size_of::<Reason>() + longest);
        let own = size_of::<StreamState>()
            + Segment::new(self).memory()
            + 2 * c * size_of::<f64>()
            + Watch::new(c).memory();
        own + history
            + drift
            + recent
            + least
            + means
            + waiting
            + averages.sum::<usize>()
            + offset
            + last
            + Reorder::most_memory(config.reorder, c)
            + reasons
    }

    /// Rows up to the newest one that the scores which it makes final depend on, rounded up to
    /// where windows are due.
    pub(crate) fn depends_on(&self) -> usize {
        self.latency() + self.reach().0 + 2 * self.windows.stride()
    }
}
