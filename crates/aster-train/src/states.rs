use aster_data::{ScalerConfig, TimeSeries};
use serde::{Deserialize, Serialize};

use crate::Source;
use crate::evidence::{Evidence, squared_error};

/// The two values, scaled, of each channel that had two in training: a command or a status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct States(Vec<Option<[f32; 2]>>);

impl States {
    /// Of a scaled training series.
    pub(crate) fn of(train: &TimeSeries) -> Self {
        let two_values = |channel| first_values(train, channel, 3).try_into().ok();
        Self((0..train.channel_count()).map(two_values).collect())
    }

    /// No channel counts as one of states.
    pub(crate) fn none(channels: usize) -> Self {
        Self(vec![None; channels])
    }

    /// How many channels it knows of.
    pub(crate) fn channels(&self) -> usize {
        self.0.len()
    }

    /// Replaces the reconstruction errors of such channels by the distance from the nearer
    /// state: which of them it is in is context, what is neither is evidence.
    pub(crate) fn settle(&self, evidence: &mut Evidence, values: &[f32], scaler: &ScalerConfig) {
        for source in [Source::Reconstruction, Source::RawReconstruction] {
            let Some(channels) = evidence.get_mut(&source) else { continue };
            let states = self.0.iter().cycle();
            for ((error, x), states) in channels.values.iter_mut().zip(values).zip(states) {
                if let Some(states) = states {
                    let [a, b] = states.map(|state| squared_error(source, scaler, *x, state));
                    *error = a.min(b);
                }
            }
        }
    }
}

/// The first values of a channel that differ from each other, at most so many.
pub(crate) fn first_values(series: &TimeSeries, channel: usize, most: usize) -> Vec<f32> {
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
    use crate::evidence::Channels;

    fn series(values: &[f32]) -> TimeSeries {
        TimeSeries::from_slice(values, 2).unwrap()
    }

    #[test]
    fn two_values_are_states_one_or_three_are_not() {
        let of = |values: &[f32]| States::of(&series(values)).0;
        assert_eq!(of(&[0.0, 5.0, 1.0, 5.0, 0.0, 5.0]), [Some([0.0, 1.0]), None]);
        assert_eq!(of(&[0.0, 2.0, 1.0, 1.0, 3.0, 2.0]), [None, Some([2.0, 1.0])]);
    }

    #[test]
    fn a_known_state_is_no_evidence_and_another_value_is() {
        let states = States::of(&series(&[0.0, 0.1, 1.0, 0.2, 0.0, 0.3]));
        let error = Channels { width: 2, values: vec![7.0; 6] };
        let mut evidence = [(Source::Reconstruction, error.clone())].into();
        let test = series(&[1.0, 0.1, 0.0, 0.2, 3.0, 0.3]);
        states.settle(&mut evidence, test.values(), &ScalerConfig::default());
        assert_eq!(evidence[&Source::Reconstruction].values, [0.0, 7.0, 0.0, 7.0, 4.0, 7.0]);
        let mut untouched = [(Source::Reconstruction, error.clone())].into();
        States::none(2).settle(&mut untouched, test.values(), &ScalerConfig::default());
        assert_eq!(untouched[&Source::Reconstruction].values, error.values);
    }
}
