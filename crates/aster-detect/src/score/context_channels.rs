use std::collections::HashMap;

use aster_data::{ScaledSeries, ScalerConfig};
use serde::{Deserialize, Serialize};

use crate::config::Source;
use crate::score::components::{Components, squared_error};

/// Channels whose values are context of the others: binary ones and calendar features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContextChannels(Vec<Option<Context>>);

/// Most rows of values that are neither of a binary channel's two, per row of the rarer of them (ours).
const GLITCHES: f64 = 0.01;

/// Kind of a channel that is context.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Context {
    /// Two training values (commands, status flags), scaled: which of them it has is context, what is
    /// neither is anomalous.
    Binary([f32; 2]),
    /// Calendar feature: no value is anomalous.
    Calendar,
}

impl ContextChannels {
    /// Finds those of a scaled training series: the last so many channels are calendar features, of the
    /// others binary ones are context where that is asked for.
    pub(crate) fn fit(train: &ScaledSeries, binary: bool, calendar: usize) -> Self {
        let first_feature = train.channel_count() - calendar;
        let of = |channel: usize| match channel >= first_feature {
            true => Some(Context::Calendar),
            false if !binary => None,
            false => two_values(train, channel).map(Context::Binary),
        };
        Self((0..train.channel_count()).map(of).collect())
    }

    /// How many channels it knows of.
    pub(crate) fn channels(&self) -> usize {
        self.0.len()
    }

    /// Flags of the channels that are context, one per channel.
    pub(crate) fn is_context(&self) -> impl Iterator<Item = bool> + '_ {
        self.0.iter().map(Option::is_some)
    }

    /// Replaces what components say of such channels by 0, but for reconstruction errors of binary ones:
    /// there stands the distance from the nearer value.
    pub(crate) fn mask(&self, components: &mut Components, values: &[f32], scaler: &ScalerConfig) {
        for (source, channels) in components.iter_mut().filter(|(it, _)| it.has_channels()) {
            let by_distance = matches!(source, Source::Reconstruction | Source::RawReconstruction);
            let contexts = self.0.iter().cycle();
            for ((error, x), context) in channels.values.iter_mut().zip(values).zip(contexts) {
                *error = match context {
                    None => continue,
                    Some(Context::Binary(pair)) if by_distance => {
                        let [a, b] = pair.map(|value| squared_error(*source, scaler, *x, value));
                        a.min(b)
                    }
                    Some(_) => 0.0,
                };
            }
        }
    }
}

/// The values of a channel that has two: no others, or others so seldom that they are glitches, in
/// [`GLITCHES`] of the rows at most that the rarer one of the two has.
pub(crate) fn two_values(series: &ScaledSeries, channel: usize) -> Option<[f32; 2]> {
    // A continuous channel has more of them within its first rows.
    let most = 2 + (GLITCHES * series.rows() as f64) as usize;
    let mut rows: HashMap<u32, usize> = HashMap::new();
    for value in series.channel(channel) {
        // Zero has one sign.
        *rows.entry((value + 0.0).to_bits()).or_default() += 1;
        if rows.len() > most {
            return None;
        }
    }
    let rows = rows.into_iter().map(|(bits, rows)| (f32::from_bits(bits), rows));
    let mut rows: Vec<(f32, usize)> = rows.collect();
    rows.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then(a.total_cmp(b)));
    let &[(a, _), (b, rarer), ..] = &rows[..] else { return None };
    let others: usize = rows[2..].iter().map(|(_, rows)| *rows).sum();
    (others as f64 <= GLITCHES * rarer as f64).then_some([a, b])
}

/// Returns whether a channel is constant: it has the same value in all rows.
pub(crate) fn is_constant(series: &ScaledSeries, channel: usize) -> bool {
    let mut values = series.channel(channel);
    let first = values.next();
    values.all(|value| Some(value) == first)
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
        let of = |values: &[f32]| ContextChannels::fit(&series(values), true, 0).0;
        let binary = |pair| Some(Context::Binary(pair));
        assert_eq!(of(&[0.0, 5.0, 1.0, 5.0, 0.0, 5.0]), [binary([0.0, 1.0]), None]);
        assert_eq!(of(&[0.0, 2.0, 1.0, 1.0, 3.0, 2.0]), [None, binary([2.0, 1.0])]);
    }

    #[test]
    fn a_flag_with_a_glitch_is_binary_and_one_of_three_states_is_not() {
        let channels = |glitches: usize| {
            let row = |row: usize| match row {
                _ if row < glitches => [-9999.0, row as f32],
                _ => [f32::from(row.is_multiple_of(3)), row as f32],
            };
            let rows = (0..600).flat_map(row).collect();
            ContextChannels::fit(&ScaledSeries::new(rows, 2).unwrap(), true, 0).0
        };
        let flag = [Some(Context::Binary([0.0, 1.0])), None];
        assert_eq!([1, 2].map(channels), [flag.to_vec(), vec![None; 2]]);
    }

    #[test]
    fn a_known_value_is_no_error_and_another_one_is() {
        let train = series(&[0.0, 0.1, 1.0, 0.2, 0.0, 0.3]);
        let channels = ContextChannels::fit(&train, true, 0);
        let error = ComponentValues { width: 2, values: vec![7.0; 6] };
        let mut components = [(Source::Reconstruction, error.clone())].into();
        let test = series(&[1.0, 0.1, 0.0, 0.2, 3.0, 0.3]);
        channels.mask(&mut components, test.values(), &ScalerConfig::default());
        assert_eq!(components[&Source::Reconstruction].values, [0.0, 7.0, 0.0, 7.0, 4.0, 7.0]);
        let mut untouched = [(Source::Reconstruction, error.clone())].into();
        let none = ContextChannels::fit(&train, false, 0);
        none.mask(&mut untouched, test.values(), &ScalerConfig::default());
        assert_eq!(untouched[&Source::Reconstruction].values, error.values);
    }

    #[test]
    fn nothing_is_held_against_calendar_features() {
        let train = series(&[0.0, 0.1, 1.0, 0.2, 0.0, 0.3]);
        let channels = ContextChannels::fit(&train, false, 1);
        assert_eq!(channels.is_context().collect::<Vec<_>>(), [false, true]);
        for source in [Source::Reconstruction, Source::Deviation, Source::Change] {
            let errors = ComponentValues { width: 2, values: vec![7.0; 6] };
            let mut components = [(source, errors)].into();
            channels.mask(&mut components, train.values(), &ScalerConfig::default());
            assert_eq!(components[&source].values, [7.0, 0.0, 7.0, 0.0, 7.0, 0.0], "{source:?}");
        }
    }
}
