use aster_data::{ScaledSeries, Windows};

use crate::config::AsterConfig;
use crate::score::{Calibration, Components, Edges, Fusion, MemoryBank};
use crate::trained::TrainedModel;

/// Pieces of the training series that are scored by themselves.
const PIECES: usize = 32;

impl TrainedModel {
    /// Finds what the ends of a series do to each component of the score: pieces of a scaled
    /// training series are scored by themselves and compared with what the whole, of which these
    /// are the components, says of their rows.
    ///
    /// A series of fewer rows than a few such pieces tells nothing.
    pub(crate) fn fit_edges(
        &self,
        windows: Windows,
        bank: Option<&MemoryBank>,
        scaled: &ScaledSeries,
        components: &Components,
        calibration: Calibration,
    ) -> Calibration {
        let AsterConfig { score, model, .. } = &self.config;
        let known = score.components.iter().zip(calibration.widths());
        let ends: Vec<(usize, usize)> =
            known.map(|(component, width)| score.ends(model.window, component, *width)).collect();
        let length = ends.iter().map(|(first, last)| first + last).max().unwrap_or(0);
        let room = scaled.rows().saturating_sub(2 * length);
        if room < 2 * length {
            return calibration;
        }
        let whole = Fusion::surprisals(score, &calibration, components);
        let starts = (0..PIECES).map(|piece| length + room * piece / PIECES);
        let pieces = starts.map(|start| {
            let piece = scaled.slice(start..start + length);
            let outputs = self.outputs(windows, bank, &piece);
            let values = self.components_of(&calibration, piece.values(), &outputs);
            (start, Fusion::surprisals(score, &calibration, &values))
        });
        let pieces: Vec<_> = pieces.collect();
        let edges = ends.into_iter().enumerate().map(|(component, (first, last))| {
            let pairs = pieces.iter().map(|(start, alone)| {
                (&alone[component][..], &whole[component][*start..start + length])
            });
            Edges::fit(&pairs.collect::<Vec<_>>(), first, last)
        });
        let edges = edges.collect();
        calibration.with_edges(edges)
    }
}
