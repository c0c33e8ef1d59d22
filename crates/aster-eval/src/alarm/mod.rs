//! From scores to alarms: a threshold of normal scores, its adaptation to drift, episodes.

pub(crate) mod acknowledgement;
pub(crate) mod config;
pub(crate) mod episodes;
pub(crate) mod interval;
pub(crate) mod level;
pub(crate) mod promise;
pub(crate) mod tail;
pub(crate) mod threshold;
pub(crate) mod tracker;
