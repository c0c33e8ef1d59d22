//! Whether days or months come first, decided by a whole column.

use super::column::{DateOrder, TimeFault};
use super::written::{Date, Written};

/// Decides for a whole column whether days or months come first.
pub(super) fn order_of(written: &[Option<Written>]) -> Result<DateOrder, TimeFault> {
    let open = || {
        written.iter().flatten().filter_map(|written| match written.date {
            Date::Either { first, second, points, .. } => Some((first, second, points)),
            Date::Known(_) => None,
        })
    };
    let (days_first, months_first) =
        (open().any(|(first, ..)| first > 12), open().any(|(_, second, _)| second > 12));
    match (days_first, months_first) {
        (true, _) => return Ok(DateOrder::DayFirst),
        (_, true) => return Ok(DateOrder::MonthFirst),
        _ => (),
    }
    // Nobody writes months first with points between.
    if open().all(|(first, second, points)| points || first == second) {
        return Ok(DateOrder::DayFirst);
    }
    // The order in which the rows are regular: the other one leaps from month to month.
    let irregular = |order| {
        let times: Option<Vec<i64>> = written.iter().flatten().map(|it| it.time(order)).collect();
        let times = times?;
        let mut steps: Vec<i64> =
            times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        let back = steps
            .iter()
            .filter(|step| **step < 0)
            .count()
            .min(steps.iter().filter(|step| **step > 0).count());
        steps.sort_unstable();
        steps.dedup();
        Some((back, steps.len()))
    };
    match (irregular(DateOrder::DayFirst), irregular(DateOrder::MonthFirst)) {
        (Some(day), Some(month)) if day < month => Ok(DateOrder::DayFirst),
        (Some(day), Some(month)) if month < day => Ok(DateOrder::MonthFirst),
        _ => Err(TimeFault::Ambiguous),
    }
}
