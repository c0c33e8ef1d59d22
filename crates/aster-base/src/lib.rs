//! Foundation of the ASTER workspace: checked settings, order statistics and times.
//!
//! Every config of the workspace reports a value outside its range as a [`SettingError`], whose
//! name is the path of the field from the root of the config, such as `train.learning_rate`.
//!
//! ```
//! use aster_base::{Within, at_least_one};
//!
//! let error = at_least_one("batch_size", 0).within("train").unwrap_err();
//! assert_eq!(error.to_string(), "train.batch_size: expected 1 to 16777216, got 0");
//! ```

mod configure;
#[doc(hidden)]
pub mod off;
mod quantile;
mod runs;
mod setting;
mod time;
mod words;

pub use configure::Configure;
pub use quantile::quantile;
pub use runs::runs;
pub use setting::SettingError;
pub use time::{Clock, OffsetChange, Time};

// For other crates of this workspace.
#[doc(hidden)]
pub use quantile::{median, quantile_index};
#[doc(hidden)]
pub use setting::{
    LARGEST, Within, at_least_one, non_negative, open_share, positive, require, share_above_zero,
    share_below_one,
};
#[doc(hidden)]
pub use time::{DAY, SECOND};
#[doc(hidden)]
pub use words::of_word;
