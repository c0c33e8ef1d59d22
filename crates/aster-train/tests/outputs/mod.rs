//! What a stream says over several pushes.

use aster_detect::StreamOutput;

/// Adds what was found later.
pub(crate) fn extend(found: &mut StreamOutput, more: StreamOutput) {
    found.scores.extend(more.scores);
    found.events.extend(more.events);
    found.notices.extend(more.notices);
}
