use aster_data::{ScaledSeries, ScalerConfig};
use serde::{Deserialize, Serialize};

use crate::config::Source;
use crate::score::components::{Components, squared_error};

/// Channels with exactly two training values (commands, status flags), scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BinaryChannels(Vec<Option<[f32; 2]>>);

impl BinaryChannels {
    /// Finds those of a scaled training series.
    pub(crate) fn fit(train: &ScaledSeries) -> Self {
        let two_values = |channel| first_values(train, channel, 3).try_into().ok();
        Self((0..train.channel_count()).map(two_values).collect())
    }

    /// Takes no channel to be one.
    pub(crate) fn none(channels: usize) -> Self {
        Self(vec![None; channels])
    }

    /// How many channels it knows of.
    pub(crate) fn channels(&self) -> usize {
        self.0.len()
    }

    /// Whether each channel is one.
    pub(crate) fn is_binary(&self) -> impl Iterator<Item = bool> + '_ {
        self.0.iter().map(Option::is_some)
    }

    /// Replaces the reconstruction errors of such channels by the distance from the nearer
    /// value: which of the two it has is context, what is neither is anomalous.
    pub(crate) fn mask(&self, components: &mut Components, values: &[f32], scaler: &ScalerConfig) {
        for source in [Source::DetrendedReconstruction, Source::Deviation, Source::Change] {
            let Some(channels) = components.get_mut(&source) else { continue };
            let pairs = self.0.iter().cycle();
            for (value, _) in channels.values.iter_mut().zip(pairs).filter(|it| it.1.is_some()) {
                *value = 0.0;
            }
        }
        for source in [Source::Reconstruction, Source::RawReconstruction] {
            let Some(channels) = components.get_mut(&source) else { continue };
            let pairs = self.0.iter().cycle();
            for ((error, x), pair) in channels.values.iter_mut().zip(values).zip(pairs) {
                if let Some(pair) = pair {
                    let [a, b] = pair.map(|value| squared_error(source, scaler, *x, value));
                    *error = a.min(b);
                }
            }
        }
    }
}

/// The first values of a channel that differ from each other, at most so many.
pub(crate) fn first_values(series: &ScaledSeries, channel: usize, most: usize) -> Vec<f32> {
    let mut values = vec![];
    for value in series.channel(channel) {
        if values.len() == most {
            break;
        }
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::components::ComponentValues;

    fn series(values: &[f32]) -> ScaledSeries {
        ScaledSeries::new(values.to_vec(), 2).unwrap()
    }

    #[test]
    fn two_values_are_binary_one_or_three_are_not() {
        let of = |values: &[f32]| BinaryChannels::fit(&series(values)).0;
        assert_eq!(of(&[0.0, 5.0, 1.0, 5.0, 0.0, 5.0]), [Some([0.0, 1.0]), None]);
        assert_eq!(of(&[0.0, 2.0, 1.0, 1.0, 3.0, 2.0]), [None, Some([2.0, 1.0])]);
    }

    #[test]
    fn a_known_value_is_no_error_and_another_one_is() {
        let channels = BinaryChannels::fit(&series(&[0.0, 0.1, 1.0, 0.2, 0.0, 0.3]));
        let error = ComponentValues { width: 2, values: vec![7.0; 6] };
        let mut components = [(Source::Reconstruction, error.clone())].into();
        let test = series(&[1.0, 0.1, 0.0, 0.2, 3.0, 0.3]);
        channels.mask(&mut components, test.values(), &ScalerConfig::default());
        assert_eq!(components[&Source::Reconstruction].values, [0.0, 7.0, 0.0, 7.0, 4.0, 7.0]);
        let mut untouched = [(Source::Reconstruction, error.clone())].into();
        BinaryChannels::none(2).mask(&mut untouched, test.values(), &ScalerConfig::default());
        assert_eq!(untouched[&Source::Reconstruction].values, error.values);
    }
}
