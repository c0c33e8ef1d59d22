use aster_base::{
    LARGEST, SettingError, Within, at_least_one, non_negative, open_share, positive, require,
    share_above_zero,
};
use serde::{Deserialize, Serialize};

use crate::config::fusion::FusionConfig;

/// Hyperparameters of the anomaly score.
///
/// The network's outputs are averaged over overlapping windows. Each component of the score is
/// then smoothed, aggregated over channels and converted to a surprisal, `-ln P(X >= x)` under the
/// distribution of calibration rows with an exponential tail; the score is a weighted power
/// mean of the surprisals. One component alone keeps its order, so it is an ablation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ScoreConfig {
    /// Rows between windows, from 1 to the window, with a `latency` to an eighth of that and one.
    /// Default: a quarter of the window, or as many as that leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// Batch size of scoring: windows per forward pass. Default: 256.
    pub batch_size: usize,
    /// Floor of the channels' norms, at least 0. Each channel's errors are divided by their mean
    /// over the training series (after the error normalisation of Garg et al., TNNLS 2021), to
    /// which this share of the mean over all channels that move is added: a channel that never
    /// moved in training would drown the others once it does. Default: 0.03.
    pub channel_floor: f64,
    /// Quantile of each channel's training errors, in (0, 1], that larger ones count as in the
    /// channels' norms (winsorised mean), so that a glitch in training does not make its channel
    /// deaf; 1 is the plain mean. Default: 0.995.
    pub norm_quantile: f64,
    /// Treatment of channels that had two values in training (commands, status flags) as context:
    /// which of the two they have is not anomalous then, only a value that is neither (ours). Values
    /// that are neither in training, too, are glitches where they have at most a hundredth of the rows
    /// that the rarer of the two has. Default: `true`.
    pub binary_as_context: bool,
    /// Quantile of a component's calibration values, in (0, 1), at which its exponential tail starts.
    /// Default: 0.9.
    pub tail_quantile: f64,
    /// Least number of rows, the last of training, that scores are calibrated on: where fewer rows
    /// validate, those before join them, as neighbours are too alike for a tail of a few dozen.
    /// Default: 1000.
    pub calibration_rows: usize,
    /// Most rows that a score waits for later ones, from 0 to the window: an eighth of them for
    /// windows, of which no more rows at the end count then, the rest for moving averages, which
    /// look less far ahead and further back. Default: as many as windows and centred averages take,
    /// which finds most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<usize>,
    /// Rows of the moving mean that [`Source::DetrendedReconstruction`] takes off the residual.
    /// Default: 64.
    pub offset_rows: usize,
    /// Subsequences of the training series that the memory bank keeps, evenly spaced. Default: 200.
    pub bank_size: usize,
    /// Rows of the subsequences that [`Source::Subsequence`] and its like compare, never fewer than a window
    /// has. They end with a window; of those that hold a row the nearest to training counts, or their mean,
    /// or, where a latency is set, the one that ends first. Default: 64.
    pub subsequence_rows: usize,
    /// Components of the anomaly score. Default: the reconstruction over 10 rows; in raw units, as
    /// `asinh` makes it blind far out, over two correlation times (40 to 160 rows) with power
    /// 1.25; detrended over 10 and over 40 rows by logarithms, and over 40 rows by the plain mean; the
    /// deviation over 10; the change over 40; the classifier over 10; the memory bank; subsequences, as they
    /// are and centred, of each the nearest and the mean.
    pub components: Vec<ComponentConfig>,
    /// Fusion of the components' surprisals.
    pub fusion: FusionConfig,
}

impl Default for ScoreConfig {
    fn default() -> Self {
        Self {
            stride: None,
            batch_size: 256,
            channel_floor: 0.03,
            norm_quantile: 0.995,
            binary_as_context: true,
            tail_quantile: 0.9,
            calibration_rows: 1000,
            latency: None,
            offset_rows: 64,
            bank_size: 200,
            subsequence_rows: 64,
            components: Self::components_over(10),
            fusion: FusionConfig::default(),
        }
    }
}

impl ScoreConfig {
    /// The default's components, of which the brief ones are over so many rows, that in raw units over 4
    /// to 16 times as many.
    pub(crate) fn components_over(brief: usize) -> Vec<ComponentConfig> {
        let raw = Smoothing::Correlation { times: 2.0, min: 4 * brief, max: 16 * brief };
        let over = |source, rows| ComponentConfig::new(source, Smoothing::Rows(rows), 1.0);
        let logarithms = |source, rows| ComponentConfig::new(source, Smoothing::Rows(rows), 0.0);
        vec![
            over(Source::Reconstruction, brief),
            ComponentConfig::new(Source::RawReconstruction, raw, 1.25),
            logarithms(Source::DetrendedReconstruction, brief),
            logarithms(Source::DetrendedReconstruction, 40),
            over(Source::DetrendedReconstruction, 40),
            over(Source::Deviation, brief),
            over(Source::Change, 40),
            over(Source::Classifier, brief),
            over(Source::MemoryBank, 1),
            over(Source::Subsequence, 1),
            over(Source::CentredSubsequence, 1),
            over(Source::SubsequenceMean, 1),
            over(Source::CentredSubsequenceMean, 1),
        ]
    }

    /// Returns the rows between windows of so many rows.
    pub fn stride(&self, window: usize) -> usize {
        self.stride.unwrap_or((window / 4).min(self.counted(window)).max(1))
    }

    /// Checks the settings for windows of so many rows.
    ///
    /// # Errors
    /// The first setting outside its range.
    pub fn check(&self, window: usize) -> Result<(), SettingError> {
        let stride = self.stride(window);
        if let Some(latency) = self.latency {
            let expected = format!("at most the window {window}");
            require("latency", latency <= window, expected, latency)?;
        }
        let counted = self.counted(window);
        let expected = match self.latency {
            None => format!("1 to the window {window}"),
            Some(_) => format!("1 to the {counted} rows of a window that the latency leaves"),
        };
        require("stride", (1..=counted).contains(&stride), expected, stride)?;
        at_least_one("batch_size", self.batch_size)?;
        non_negative("channel_floor", self.channel_floor)?;
        share_above_zero("norm_quantile", self.norm_quantile)?;
        open_share("tail_quantile", self.tail_quantile)?;
        at_least_one("calibration_rows", self.calibration_rows)?;
        at_least_one("offset_rows", self.offset_rows)?;
        at_least_one("bank_size", self.bank_size)?;
        let rows = self.subsequence_rows;
        require(
            "subsequence_rows",
            (1..=LARGEST).contains(&rows),
            format!("1 to {LARGEST}"),
            rows,
        )?;
        at_least_one("components", self.components.len())?;
        self.components.iter().try_for_each(ComponentConfig::check)?;
        self.fusion.check().within("fusion")
    }

    /// Returns the rows of the moving mean that is taken off what a source reads; 1 for none.
    pub(crate) fn offset_rows_of(&self, source: Source) -> usize {
        if source == Source::DetrendedReconstruction { self.offset_rows } else { 1 }
    }

    /// Returns the rows that a component smoothed over `width` waits for, beside those of a window.
    pub(crate) fn after(&self, window: usize, component: &ComponentConfig, width: usize) -> usize {
        let offset = match component.source {
            Source::DetrendedReconstruction => self.offset_waits(),
            source if source.is_subsequence() => self.subsequence_waits(window),
            _ => 0,
        };
        self.average_waits(width) + offset
    }

    /// Returns how many rows before its own a component smoothed over `width` takes, beside those of a
    /// window.
    pub(crate) fn before(&self, window: usize, component: &ComponentConfig, width: usize) -> usize {
        let offset = self.offset_rows_of(component.source);
        let more = self.read_rows(window, component.source) - window;
        // The last one is the row before, for changes.
        let waits = match component.source.is_subsequence() {
            // What a subsequence begins with lies before its row, however long that waits.
            true => self.average_waits(width),
            false => self.after(window, component, width),
        };
        width + offset + more - 1 - waits
    }

    /// Returns the rows that a source reads at once.
    fn read_rows(&self, window: usize, source: Source) -> usize {
        if source.is_subsequence() { self.subsequence_rows.max(window) } else { window }
    }

    /// Returns the most rows that a component reads at once.
    pub(crate) fn most_read_rows(&self, window: usize) -> usize {
        let read = self.components.iter().map(|it| self.read_rows(window, it.source));
        read.max().unwrap_or(window)
    }

    /// Returns the rows that a moving average over so many waits for.
    pub(crate) fn average_waits(&self, width: usize) -> usize {
        let half = width / 2;
        self.latency.map_or(half, |rows| half.min(rows - window_share(rows)))
    }

    /// Returns the rows that the offset of a residual waits for: none where each of them counts.
    pub(crate) fn offset_waits(&self) -> usize {
        self.latency.map_or(self.offset_rows / 2, |_| 0)
    }

    /// Returns the rows that a subsequence's distance waits for, beside those of a window: with them, all
    /// subsequences that hold the row; none where each of them counts.
    pub(crate) fn subsequence_waits(&self, window: usize) -> usize {
        self.latency.map_or(self.subsequence_rows.max(window) - window, |_| 0)
    }

    /// Returns how many of the rows that count in a window count in the next one too.
    pub(crate) fn overlap(&self, window: usize) -> usize {
        self.counted(window).saturating_sub(self.stride(window))
    }

    /// Returns how many of the last rows of a window count.
    pub(crate) fn counted(&self, window: usize) -> usize {
        self.latency.map_or(window, |rows| window_share(rows).saturating_add(1).min(window))
    }

    /// Returns how many of the first and of the last rows of a series lack rows beside them: of the
    /// last ones, no more than a stream has no score of before it ends.
    pub(crate) fn ends(
        &self,
        window: usize,
        component: &ComponentConfig,
        width: usize,
    ) -> (usize, usize) {
        let after = self.after(window, component, width);
        (
            self.read_rows(window, component.source).saturating_add(after),
            self.overlap(window).saturating_add(after),
        )
    }

    /// Returns whether a component reads a source.
    pub(crate) fn reads(&self, source: Source) -> bool {
        self.components.iter().any(|component| component.source == source)
    }
}

/// Component of the anomaly score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ComponentConfig {
    /// Output of the network that it reads. Default: the reconstruction.
    pub source: Source,
    /// Moving average over its values. Default: none.
    pub smoothing: Smoothing,
    /// Exponent p, at least 1, of the power mean over channels, `mean(x^p)^(1/p)`, of values divided by
    /// their norms: 1 is the plain mean, the larger the more the worst channel counts. 0 is the mean of
    /// logarithms, `mean(ln(1 + x))`, in which no channel drowns the others. Sources without channels
    /// have 1. Default: 1.
    pub power: f64,
}

impl Default for ComponentConfig {
    fn default() -> Self {
        Self::new(Source::Reconstruction, Smoothing::Rows(1), 1.0)
    }
}

impl ComponentConfig {
    /// Creates a component.
    pub fn new(source: Source, smoothing: Smoothing, power: f64) -> Self {
        Self { source, smoothing, power }
    }

    fn check(&self) -> Result<(), SettingError> {
        let (allowed, expected) = match self.source.has_channels() {
            true => {
                (self.power == 0.0 || (1.0..=f64::MAX).contains(&self.power), "0, or at least 1")
            }
            false => (self.power == 1.0, "1, as the source has no channels"),
        };
        require("power", allowed, expected, self.power)?;
        match self.smoothing {
            Smoothing::Rows(rows) => at_least_one("smoothing.rows", rows),
            Smoothing::Correlation { times, min, max } => {
                positive("smoothing.correlation.times", times)?;
                at_least_one("smoothing.correlation.min", min)?;
                at_least_one("smoothing.correlation.max", max)?;
                let ordered = max >= min;
                require("smoothing.correlation.max", ordered, format!("at least {min}"), max)
            }
        }
    }
}

/// Output of the network that a component of the anomaly score reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Severity of the classifier (paper: the score).
    Classifier,
    /// Squared error, in scaled units, of each channel's reconstruction; where windows
    /// overlap, of the mean of their reconstructions.
    Reconstruction,
    /// Squared error of each channel's reconstruction in units of the training spread, that is
    /// with `asinh` undone: keeps growing far out.
    RawReconstruction,
    /// Squared residual of each channel in scaled units, after its moving mean over
    /// [`ScoreConfig::offset_rows`] is taken off: an offset that lasts is drift more often than
    /// anomaly (ours). Channels of two values have none.
    DetrendedReconstruction,
    /// Squared deviation of each channel from its centre of training, in scaled units: the plainest
    /// evidence, which no network can explain away. Channels of two values have none.
    Deviation,
    /// Squared change of each channel from one row to the next, in scaled units: a signal that
    /// grows rough, or jumps. Channels of two values have none.
    Change,
    /// Distance of windows, in scaled units, from the nearest of those that a memory bank keeps
    /// of training (after the patch banks of PatchCore, Roth et al., CVPR 2022; evenly spaced
    /// windows in place of its coreset).
    MemoryBank,
    /// Distance of subsequences, in scaled units, from the nearest of as many rows that the memory bank keeps
    /// of training: a shape that normal rows never have, though each of its windows may be normal (the
    /// discord of Keogh, Lin and Fu, ICDM 2005, between series). At the start of a series they have
    /// the rows that there are. Where the validation rows of training are fewer than theirs, they have no
    /// weight.
    Subsequence,
    /// Distance of subsequences from the nearest as [`Source::Subsequence`], each channel less its mean
    /// over the rows compared: a level that drifts changes nothing.
    CentredSubsequence,
    /// Mean distance of the subsequences that hold a row, each from its nearest as [`Source::Subsequence`]:
    /// what is brief and odd, such as one heartbeat, makes all of them odd.
    SubsequenceMean,
    /// Mean distance of the subsequences that hold a row, each from its nearest as
    /// [`Source::CentredSubsequence`].
    CentredSubsequenceMean,
    /// Custom scorer. Reads every output of the network, so it costs as much as all the others
    /// together.
    Custom,
}

impl Source {
    /// Returns whether the output has a value for each channel, not one for a row as a whole.
    pub fn has_channels(self) -> bool {
        match self {
            Self::Reconstruction
            | Self::RawReconstruction
            | Self::DetrendedReconstruction
            | Self::Deviation
            | Self::Change => true,
            Self::Classifier
            | Self::MemoryBank
            | Self::Subsequence
            | Self::CentredSubsequence
            | Self::SubsequenceMean
            | Self::CentredSubsequenceMean
            | Self::Custom => false,
        }
    }

    /// Returns whether it compares subsequences that may be longer than a window.
    pub(crate) fn is_subsequence(self) -> bool {
        matches!(
            self,
            Self::Subsequence
                | Self::CentredSubsequence
                | Self::SubsequenceMean
                | Self::CentredSubsequenceMean
        )
    }

    /// Returns whether it compares rows with those that the memory bank holds.
    pub(crate) fn is_banked(self) -> bool {
        self == Self::MemoryBank || self.is_subsequence()
    }

    /// Returns the number of values per row.
    pub(crate) fn width(self, channels: usize) -> usize {
        if self.has_channels() { channels } else { 1 }
    }
}

/// Width of a moving average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Smoothing {
    /// A number of rows; 1 is none.
    Rows(usize),
    /// A multiple of the training series' correlation time, the median over channels of the
    /// lag at which the autocorrelation falls below 1/e. Anomalies last longer where the
    /// series moves slowly (ours).
    Correlation {
        /// Factor, above 0.
        times: f64,
        /// Fewest rows, at least 1.
        min: usize,
        /// Most rows, at least `min`.
        max: usize,
    },
}

/// The rows of a latency that windows have.
fn window_share(latency: usize) -> usize {
    latency / 8
}

aster_base::words!(Source);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_settings_are_named() {
        let name = |change: fn(&mut ScoreConfig)| {
            let mut config = ScoreConfig::default();
            change(&mut config);
            config.check(32).unwrap_err().name
        };
        assert_eq!(name(|c| c.stride = Some(33)), "stride");
        assert_eq!(name(|c| c.latency = Some(33)), "latency");
        assert_eq!(name(|c| (c.latency, c.stride) = (Some(8), Some(3))), "stride");
        assert_eq!(name(|c| c.components.clear()), "components");
        assert_eq!(name(|c| c.components[0].power = 0.5), "power");
        assert_eq!(name(|c| c.channel_floor = -1.0), "channel_floor");
        assert_eq!(name(|c| c.norm_quantile = 0.0), "norm_quantile");
        assert_eq!(name(|c| c.offset_rows = 0), "offset_rows");
        assert_eq!(name(|c| c.bank_size = 0), "bank_size");
        assert_eq!(name(|c| c.subsequence_rows = 0), "subsequence_rows");
        assert_eq!(name(|c| c.subsequence_rows = usize::MAX), "subsequence_rows");
        assert_eq!(name(|c| c.fusion.power = 0.0), "fusion.power");
        assert_eq!(name(|c| c.tail_quantile = 1.0), "tail_quantile");
        assert_eq!(name(|c| c.components[0].smoothing = Smoothing::Rows(0)), "smoothing.rows");
        let max = |c: &mut ScoreConfig| {
            let (times, min, max) = (1.0, 9, 8);
            c.components[0].smoothing = Smoothing::Correlation { times, min, max };
        };
        assert_eq!(name(max), "smoothing.correlation.max");
        assert_eq!(
            [1, 3, 4, 32, 33].map(|window| ScoreConfig::default().stride(window)),
            [1, 1, 1, 8, 8]
        );
    }
}
