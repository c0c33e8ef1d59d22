//! Series from whatever a program holds: rows, flat values, ndarray, Arrow. Data frames of polars
//! are taken by `TimeSeries::from_frame`, with feature `polars`.
//!
//! `cargo run --release -p aster-examples-extra --example convert`

use std::sync::Arc;

use aster::data::arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampSecondArray};
use aster::data::ndarray::arr2;
use aster::prelude::*;

fn main() -> anyhow::Result<()> {
    let names = || vec!["flow".to_string(), "pressure".into()];

    let rows = [vec![1.5, 20.0], vec![1.75, 21.0], vec![2.0, 19.0]];
    let series = TimeSeries::from_rows(names(), &rows)?;
    println!("{} rows of {:?}", series.rows(), series.channels());

    let ragged = TimeSeries::from_rows(names(), &[vec![1.5, 20.0], vec![1.75]]);
    println!("ragged: {}", ragged.err().map_or("taken".into(), |error| error.to_string()));

    let flat: Vec<f32> = vec![1.5, 20.0, 1.75, 21.0, 2.0, 19.0]; // row by row; or f64
    assert_eq!(TimeSeries::new(names(), flat)?, series);

    let columns = arr2(&[[1.5, 1.75, 2.0], [20.0, 21.0, 19.0]]); // a channel per row
    assert_eq!(TimeSeries::from_view(names(), columns.t())?, series);

    let batch = RecordBatch::try_from_iter([
        ("time", Arc::new(TimestampSecondArray::from(vec![60, 120, 180])) as ArrayRef),
        ("flow", Arc::new(Float64Array::from(vec![Some(1.5), None, Some(2.0)]))),
        ("pressure", Arc::new(Float64Array::from(vec![20.0, 21.0, 19.0]))),
    ])?;
    let options = LoadOptions::with(|it| it.missing = MissingPolicy::Linear);
    let loaded = Loaded::from_record_batch(&batch, &options)?;
    assert_eq!(loaded.series.values(), series.values());
    println!("{}", loaded.report);

    // Rows of a stream own their values or borrow them; in JSON, `null` is missing.
    let parsed: Vec<Row> = serde_json::from_str(r#"[{"time": 60, "values": [1.5, null]}]"#)?;
    println!("{parsed:?}");
    assert_eq!(parsed[0].time, Row::new(60, series.row(0)).time);
    Ok(())
}
