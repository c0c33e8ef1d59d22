//! What scores and alarms are worth, by labels; and how far values have moved.

pub(crate) mod affiliation;
pub(crate) mod event;
pub(crate) mod point;
pub(crate) mod population;
pub(crate) mod range;
pub(crate) mod volume;
