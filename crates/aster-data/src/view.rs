use ndarray::ArrayView2;

use crate::error::DataError;
use crate::series::TimeSeries;

impl TimeSeries {
    /// Creates a series from a view `[rows, C]` of ndarray, of `f32` or `f64`, in any layout.
    ///
    /// ```
    /// use aster_data::TimeSeries;
    ///
    /// let values = ndarray::arr2(&[[1.0, 10.0], [2.0, 20.0]]); // f64
    /// let series = TimeSeries::from_view(vec!["flow".into(), "pressure".into()], values.view())?;
    /// assert_eq!(series.row(1), [2.0, 20.0]);
    /// # Ok::<(), aster_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// Another number of columns than of channels; and as [`TimeSeries::new`].
    pub fn from_view<T: Copy + Into<f64>>(
        channels: Vec<String>,
        view: ArrayView2<'_, T>,
    ) -> Result<Self, DataError> {
        if view.ncols() != channels.len() {
            let (expected, got) = (channels.len(), view.ncols());
            return Err(DataError::Length { what: "columns of the view", expected, got });
        }
        Self::new(channels, view.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_of_any_layout_are_read_by_rows() {
        let values = ndarray::arr2(&[[1.0f32, 3.0, 5.0], [2.0, 4.0, 6.0]]);
        let names = vec!["a".to_string(), "b".into()];
        let series = TimeSeries::from_view(names.clone(), values.t()).unwrap();
        assert_eq!(series.values(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let error = TimeSeries::from_view(names, values.view()).unwrap_err();
        assert!(matches!(error, DataError::Length { expected: 2, got: 3, .. }), "{error}");
    }
}
