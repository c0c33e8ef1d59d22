use aster_base::{SettingError, require};
use serde::{Deserialize, Serialize};

/// Policies for channels of a training series that are hard to judge, one for each
/// [`Peculiarity`](crate::Peculiarity). Whatever is chosen, they are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ChannelPolicies {
    /// Channels of one value: keep, difference or drop. Default: difference, so that a set point that
    /// is moved is one alarm; with keep any other value is far from normal for good.
    pub constant: ChannelPolicy,
    /// Channels that only rise, but for where they begin anew: keep, difference or drop. Default:
    /// keep.
    pub counter: ChannelPolicy,
    /// Channels that go one way as a line does: keep, difference or drop. Default: keep.
    pub trend: ChannelPolicy,
    /// A value that seems to stand for a missing one: keep, missing, or drop the channel. Default:
    /// keep.
    pub sentinel: ChannelPolicy,
    /// A few values of training far from all others: keep, missing, or drop the channel. Default:
    /// keep.
    pub glitch: ChannelPolicy,
    /// Channels that are another one up to unit and offset: keep or drop. Default: keep.
    pub copy: ChannelPolicy,
}

impl Default for ChannelPolicies {
    fn default() -> Self {
        let keep = ChannelPolicy::Keep;
        Self {
            constant: ChannelPolicy::Difference,
            counter: keep,
            trend: keep,
            sentinel: keep,
            glitch: keep,
            copy: keep,
        }
    }
}

/// Policy for a channel that is hard to judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChannelPolicy {
    /// It is judged as it is.
    #[default]
    Keep,
    /// Differencing: the changes from row to row are judged; where a counter begins anew, its new
    /// value.
    Difference,
    /// The value is taken to be missing: the last one before it stands in for it, in training and
    /// later. Values far from all others are missing in training alone.
    Missing,
    /// It is not judged at all.
    Drop,
}

aster_base::words!(ChannelPolicy);

impl ChannelPolicies {
    /// Checks that each policy means something where it stands.
    ///
    /// # Errors
    /// One that does not.
    pub fn check(&self) -> Result<(), SettingError> {
        use ChannelPolicy::{Difference, Drop, Keep, Missing};
        let Self { constant, counter, trend, sentinel, glitch, copy } = *self;
        let known = |name: &str, got: ChannelPolicy, known: &[ChannelPolicy]| {
            let expected: Vec<String> = known.iter().map(ChannelPolicy::to_string).collect();
            require(name, known.contains(&got), expected.join(" or "), got)
        };
        known("constant", constant, &[Keep, Difference, Drop])?;
        known("counter", counter, &[Keep, Difference, Drop])?;
        known("trend", trend, &[Keep, Difference, Drop])?;
        known("sentinel", sentinel, &[Keep, Missing, Drop])?;
        known("glitch", glitch, &[Keep, Missing, Drop])?;
        known("copy", copy, &[Keep, Drop])
    }
}
