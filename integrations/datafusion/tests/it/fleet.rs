//! A fleet of pumps: a table of several series, and a detector for them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aster_datafusion::aster::data::{SyntheticConfig, TimeSeries};
use aster_datafusion::aster::{AsterConfig, Detector, Device};
use aster_datafusion::datafusion::arrow::array::AsArray;
use aster_datafusion::datafusion::arrow::array::{
    ArrayRef, Float64Array, RecordBatch, StringArray, StructArray, TimestampNanosecondArray,
};
use aster_datafusion::datafusion::arrow::compute::{cast, concat_batches};
use aster_datafusion::datafusion::arrow::datatypes::DataType;

pub(crate) use aster_datafusion::datafusion::arrow::array::RecordBatch as Table;

use aster_datafusion::datafusion::parquet::arrow::ArrowWriter;
use aster_datafusion::datafusion::prelude::{ParquetReadOptions, SessionContext};
use tempfile::TempDir;

pub(crate) const MINUTE: i64 = 60_000_000_000;

/// Config of a training that takes no time, as JSON.
pub(crate) const QUICK: &str = r#"{"train": {"epochs": 1, "steps_per_epoch": 3}}"#;

pub(crate) fn name(pump: usize) -> String {
    format!("pump {pump:03}")
}

/// The rows of a pump, of which there are more the higher its number.
pub(crate) fn pump(pump: usize) -> TimeSeries {
    let synthetic = SyntheticConfig { seed: pump as u64, train_rows: 400, ..Default::default() };
    let rows = 200 + 7 * (pump % 20);
    let series = synthetic.generate().unwrap().test.slice(0..rows).unwrap();
    let names = ["flow", "pressure", "speed"].map(String::from).to_vec();
    let values = (0..rows).flat_map(|row| series.row(row)[..3].to_vec()).collect();
    let times = (0..rows as i64).map(|row| row * MINUTE).collect();
    TimeSeries::new::<f64>(names, values).unwrap().with_timestamps(times).unwrap()
}

/// A detector of pumps, trained once.
pub(crate) fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| {
        let train: Vec<f64> = (0..4).flat_map(|it| pump(it).values().to_vec()).collect();
        let train = TimeSeries::new(pump(0).channels().to_vec(), train).unwrap();
        let config: AsterConfig = serde_json::from_str(QUICK).unwrap();
        aster_datafusion::aster::fit(&config, &train.into_train(), &Device::flex()).unwrap()
    })
}

/// The detector as an object of a folder.
pub(crate) fn stored(folder: &TempDir) -> String {
    let path = folder.path().join("pumps.aster");
    std::fs::write(&path, detector().to_bytes().unwrap()).unwrap();
    path.to_str().unwrap().into()
}

/// Columns `pump`, `time`, `flow`, `pressure`, `speed` of a pump.
pub(crate) fn batch(number: usize, series: &TimeSeries) -> Table {
    let pumps: StringArray = (0..series.rows()).map(|_| Some(name(number))).collect();
    let times = TimestampNanosecondArray::from(series.timestamps().unwrap().to_vec());
    let mut columns: Vec<(String, ArrayRef)> =
        vec![("pump".into(), Arc::new(pumps)), ("time".into(), Arc::new(times))];
    for (at, channel) in series.channels().iter().enumerate() {
        let values: Float64Array = series.channel(at).map(Some).collect();
        columns.push((channel.clone(), Arc::new(values)));
    }
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Writes pumps into files of a folder, whose rows lie as they come: of all pumps in turn.
pub(crate) fn write(folder: &Path, pumps: usize, files: usize) -> PathBuf {
    let folder = folder.join("pumps");
    std::fs::create_dir(&folder).unwrap();
    let batches: Vec<RecordBatch> = (0..pumps).map(|it| batch(it, &pump(it))).collect();
    let schema = batches[0].schema();
    for file in 0..files {
        let path = folder.join(format!("{file}.parquet"));
        let mut writer =
            ArrowWriter::try_new(std::fs::File::create(path).unwrap(), schema.clone(), None)
                .unwrap();
        let longest = batches.iter().map(RecordBatch::num_rows).max().unwrap();
        for rows in (0..longest).collect::<Vec<_>>().chunks(16).skip(file).step_by(files) {
            let parts = batches.iter().filter(|it| rows[0] < it.num_rows());
            let parts: Vec<RecordBatch> = parts
                .map(|it| it.slice(rows[0], rows.len().min(it.num_rows() - rows[0])))
                .collect();
            writer.write(&concat_batches(&schema, &parts).unwrap()).unwrap();
        }
        writer.close().unwrap();
    }
    folder
}

/// Makes a table of a folder of files.
pub(crate) async fn register(context: &SessionContext, folder: &Path) {
    let path = folder.to_str().unwrap();
    context.register_parquet("pumps", path, ParquetReadOptions::default()).await.unwrap();
}

/// The query that scores them all.
pub(crate) fn query(detector: &str) -> String {
    format!(
        "SELECT pump, time, aster_score('{detector}', flow, pressure, speed)
             OVER (PARTITION BY pump ORDER BY time) AS s
         FROM pumps ORDER BY pump, time"
    )
}

/// The rows of a query as one table.
pub(crate) async fn rows(context: &SessionContext, query: &str) -> Table {
    let batches = context.sql(query).await.unwrap().collect().await.unwrap();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

/// What a query fails with.
pub(crate) async fn error(context: &SessionContext, query: &str) -> String {
    let run = async { context.sql(query).await?.collect().await };
    run.await.unwrap_err().to_string()
}

pub(crate) fn column<T: Clone + 'static>(table: &Table, name: &str) -> T {
    table.column_by_name(name).unwrap().as_any().downcast_ref::<T>().unwrap().clone()
}

pub(crate) fn field<T: Clone + 'static>(scored: &StructArray, name: &str) -> T {
    scored.column_by_name(name).unwrap().as_any().downcast_ref::<T>().unwrap().clone()
}

/// A column of texts, of whatever kind the reader makes them.
pub(crate) fn texts(table: &Table, name: &str) -> Vec<String> {
    let column = table.column_by_name(name).unwrap();
    let texts = cast(column, &DataType::Utf8).unwrap();
    texts.as_string::<i32>().iter().map(|text| text.unwrap().into()).collect()
}
