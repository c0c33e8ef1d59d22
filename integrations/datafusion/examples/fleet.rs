//! A fleet of pumps: a detector for each of them by one query, and the alarms of all by another; in
//! this process, or by a cluster.
//!
//! ```sh
//! cargo run --release --example fleet                  # in this process
//! cargo run --release --example fleet -- --start 2     # by two executors that it starts here
//! cargo run --release --example fleet -- --cluster df://scheduler:50050 --folder /shared/fleet
//! ```

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aster_datafusion::aster::data::SyntheticConfig;
use aster_datafusion::aster::{DeviceChoice, device};
use aster_datafusion::cluster::{Executor, Scheduler, connect};
use aster_datafusion::datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use aster_datafusion::datafusion::parquet::arrow::ArrowWriter;
use aster_datafusion::datafusion::prelude::ParquetReadOptions;
use aster_datafusion::{Detectors, Functions, Stores};
use clap::{Parser, Subcommand};

/// A detector for each pump of a fleet, and their alarms, by SQL.
#[derive(Parser)]
struct Arguments {
    /// Pumps.
    #[arg(long, default_value_t = 20)]
    pumps: usize,
    /// Detectors, each of which is trained on one pump and shared by those of its kind. Default: one
    /// for each pump.
    #[arg(long)]
    detectors: Option<usize>,
    /// Rows of a pump, of which the first half is trained on.
    #[arg(long, default_value_t = 2000)]
    rows: usize,
    /// Config of the training: a preset, or JSON.
    #[arg(long, default_value = r#"{"train": {"epochs": 2}}"#)]
    config: String,
    /// Folder of the data and the detectors, which all executors see; a temporary one by default.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Scheduler of a cluster, as `df://host:port`.
    #[arg(long)]
    cluster: Option<String>,
    /// Starts a cluster of so many executors on this machine.
    #[arg(long, conflicts_with = "cluster")]
    start: Option<usize>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program is as a process of a cluster that it has started.
#[derive(Subcommand)]
enum Part {
    Scheduler(#[command(flatten)] Scheduler),
    Executor(#[command(flatten)] Executor),
}

/// Processes that end with this one.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let Arguments { pumps, detectors, rows, config, folder, cluster, start, part } = arguments;
    let stores = Stores::default().with_environment();
    let functions = Functions::new(Detectors::new(device(DeviceChoice::Auto)?).with_stores(stores));
    match part {
        Some(Part::Scheduler(scheduler)) => return Ok(scheduler.run(functions).await?),
        Some(Part::Executor(executor)) => return Ok(executor.run(functions).await?),
        None => {}
    }
    let temporary = std::env::temp_dir().join(format!("aster-fleet-{}", std::process::id()));
    let folder = folder.unwrap_or_else(|| temporary.clone());
    let data = folder.join("data");
    if !data.is_dir() {
        write(&data, pumps, detectors.unwrap_or(pumps).max(1), rows)?;
    }
    let _processes = start.map(processes).transpose()?;
    let context = match cluster.or(start.map(|_| "df://127.0.0.1:50150".into())) {
        Some(url) => connect(&url, &functions).await?,
        None => functions.context()?,
    };
    let path = data.display().to_string();
    context.register_parquet("fleet", &path, ParquetReadOptions::default()).await?;

    let place = folder.join("detectors");
    std::fs::create_dir_all(&place)?;
    let place = place.display();
    let middle = rows / 2 * 60;
    let started = Instant::now();
    let train = format!(
        "SELECT count(*) AS detectors, count(DISTINCT fingerprint) AS different FROM (
             SELECT aster_put('{place}/' || kind || '.aster',
                 aster_train('{config}', time, flow, pressure, speed)) AS fingerprint
             FROM fleet WHERE first AND time < to_timestamp_seconds({middle}) GROUP BY kind)"
    );
    context.sql(&train).await?.show().await?;
    println!("trained in {:.1} s", started.elapsed().as_secs_f64());

    let started = Instant::now();
    let alarms = format!(
        "SELECT pump, s['number'] AS alarm, min(time) AS since, count(*) AS rows,
             max(s['severity']) AS severity, min(s['channel']) AS channel
         FROM (SELECT pump, time,
                 aster_score('{place}/' || kind || '.aster', flow, pressure, speed)
                     OVER (PARTITION BY pump ORDER BY time) AS s
             FROM fleet WHERE time >= to_timestamp_seconds({middle}))
         WHERE s['alarm'] GROUP BY pump, s['number'] ORDER BY severity DESC, pump, since"
    );
    context.sql(&alarms).await?.show_limit(10).await?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "scored in {seconds:.1} s, {:.0} rows a second",
        (pumps * (rows - rows / 2)) as f64 / seconds
    );
    if temporary.is_dir() {
        std::fs::remove_dir_all(temporary)?;
    }
    Ok(())
}

/// Writes the series of all pumps, a row a minute, into files of a folder.
fn write(folder: &Path, pumps: usize, kinds: usize, rows: usize) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (file, pumps) in (0..pumps).collect::<Vec<_>>().chunks(100).enumerate() {
        let mut writer = None;
        for pump in pumps {
            let batch = series(*pump, kinds, rows)?;
            let writer = match &mut writer {
                Some(writer) => writer,
                None => {
                    let file = std::fs::File::create(folder.join(format!("{file}.parquet")))?;
                    writer.insert(ArrowWriter::try_new(file, batch.schema(), None)?)
                }
            };
            writer.write(&batch)?;
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
    }
    Ok(())
}

fn series(pump: usize, kinds: usize, rows: usize) -> anyhow::Result<RecordBatch> {
    let (train_rows, test_rows) = (rows / 2, rows - rows / 2);
    let (seed, anomalies) = (pump as u64, 1);
    let synthetic =
        SyntheticConfig { seed, train_rows, test_rows, anomalies, ..Default::default() };
    let split = synthetic.generate()?;
    let channel = |channel: usize| -> ArrayRef {
        let values = split.train.channel(channel).chain(split.test.channel(channel));
        Arc::new(values.map(Some).collect::<Float64Array>())
    };
    let text = |text: String| -> ArrayRef {
        Arc::new(std::iter::repeat_n(Some(text), rows).collect::<StringArray>())
    };
    let first: BooleanArray = std::iter::repeat_n(Some(pump < kinds), rows).collect();
    let times: TimestampSecondArray = (0..rows as i64).map(|row| Some(row * 60)).collect();
    Ok(RecordBatch::try_from_iter([
        ("pump", text(format!("pump {pump}"))),
        ("kind", text(format!("kind {}", pump % kinds))),
        ("first", Arc::new(first)),
        ("time", Arc::new(times)),
        ("flow", channel(0)),
        ("pressure", channel(1)),
        ("speed", channel(2)),
    ])?)
}

/// Starts a scheduler and executors as processes of this program.
fn processes(executors: usize) -> anyhow::Result<Processes> {
    let start = |arguments: &[String]| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn()
    };
    let mut processes = Processes(vec![start(&["scheduler".into(), "--port=50150".into()])?]);
    for executor in 0..executors {
        let port = format!("--port={}", 50151 + 2 * executor);
        let options =
            ["executor".into(), port, "--scheduler-port=50150".into(), "--tasks=1".into()];
        processes.0.push(start(&options)?);
    }
    // Until the scheduler listens.
    let address = "127.0.0.1:50150";
    let listens = || std::net::TcpStream::connect(address).is_ok();
    let started = Instant::now();
    while !listens() {
        anyhow::ensure!(started.elapsed() < Duration::from_secs(30), "no scheduler at {address}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(processes)
}
