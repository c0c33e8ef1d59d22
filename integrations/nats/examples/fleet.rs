//! A fleet of pumps from nothing: a broker, a detector, workers that share the pumps, and rows; one of the
//! workers is killed in the middle.
//!
//! ```sh
//! cargo run --release --example fleet
//! cargo run --release --example fleet -- --pumps 1000 --workers 4
//! cargo run --release --example fleet -- --server nats://broker:4222    # one that runs already
//! ```
//!
//! On other machines, more workers: `cargo run --release -- work --group fleet --server nats://broker:4222`.

use std::io::ErrorKind;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use aster_nats::aster::data::SyntheticConfig;
use aster_nats::aster::detect::{AlarmEvent, Row};
use aster_nats::aster::{AsterConfig, DeviceChoice, device};
use aster_nats::async_nats::{self, jetstream};
use aster_nats::{Names, Publisher, WorkerConfig, backlog, put_detector, work};
use clap::{Parser, Subcommand};
use futures::StreamExt;

const GROUP: &str = "fleet";

/// Rows that are published before the broker's answer to the first of them.
const TOGETHER: usize = 1000;

/// A broker, a detector, workers, and the rows of a fleet.
#[derive(Parser)]
struct Arguments {
    /// Pumps.
    #[arg(long, default_value_t = 20)]
    pumps: usize,
    /// Rows of a pump.
    #[arg(long, default_value_t = 600)]
    rows: usize,
    /// Rows of a pump that come after these, one every `every` seconds.
    #[arg(long, default_value_t = 0)]
    live: usize,
    /// Seconds before each of them.
    #[arg(long, default_value_t = 60.0)]
    every: f64,
    /// Workers that are started here.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Seconds between checkpoints of these workers.
    #[arg(long, default_value_t = 1.0)]
    checkpoint: f64,
    /// Lets all workers live; otherwise one of them is killed in the middle.
    #[arg(long)]
    spare: bool,
    /// A broker that runs already. Default: one that is started here, and ends with the example.
    #[arg(long)]
    server: Option<String>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program is as a process that it has started.
#[derive(Subcommand)]
enum Part {
    Worker { server: String, checkpoint: f64 },
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
    let Arguments { pumps, rows, live, every, workers, checkpoint, spare, server, part } =
        arguments;
    if let Some(Part::Worker { server, checkpoint }) = part {
        let mut config = WorkerConfig::default();
        (config.group, config.lease, config.checkpoint) = (GROUP.into(), 2.0, checkpoint);
        let stop = std::future::pending();
        return Ok(
            work(&connect(&server).await?, &config, &device(DeviceChoice::Auto)?, stop).await?
        );
    }
    let folder = std::env::temp_dir().join(format!("aster-nats-{}", std::process::id()));
    let mut processes = Processes(vec![]);
    let server = match server {
        Some(server) => server,
        None => {
            std::fs::create_dir_all(&folder)?;
            let mut command = Command::new("nats-server");
            command.args(["-js", "-a", "127.0.0.1", "-p", "42220", "-sd"]).arg(&folder);
            match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
                Ok(process) => processes.0.push(process),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    bail!("nats-server is not installed: apt-get install nats-server")
                }
                Err(error) => return Err(error).context("nats-server"),
            }
            "nats://127.0.0.1:42220".into()
        }
    };
    let context = connect(&server).await?;
    let names = Names::new(GROUP)?;

    let started = Instant::now();
    let (train_rows, test_rows, anomalies) = (2000, 10_000, 5);
    let synthetic = SyntheticConfig { train_rows, test_rows, anomalies, ..Default::default() };
    let split = synthetic.generate()?;
    let mut config = AsterConfig::default();
    config.train.epochs = 2;
    let detector = aster_nats::aster::fit(&config, &split.train, &device(DeviceChoice::Auto)?)?;
    put_detector(&context, &names, &detector).await?;
    println!("a detector, trained in {:.1} s, is on the broker", started.elapsed().as_secs_f64());

    let before = processes.0.len();
    for _ in 0..workers {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["worker", &server, &checkpoint.to_string()]).stdout(Stdio::null());
        processes.0.push(command.spawn()?);
    }
    let partitions = WorkerConfig::default().partitions;
    let publisher = Publisher::new(context.clone(), names.clone(), partitions).await?;
    let started = Instant::now();
    let every = Duration::try_from_secs_f64(every)?;
    for row in 0..rows + live {
        if row == rows / 2 && workers > 1 && !spare {
            processes.0[before].kill()?;
            println!("-- a worker is killed; the others take its pumps");
        }
        if row == rows {
            scored(&context, &names, rows * pumps, started).await?;
        }
        if row >= rows {
            tokio::time::sleep(every).await;
        }
        for some in (0..pumps).collect::<Vec<_>>().chunks(TOGETHER) {
            let mut answers = vec![];
            for pump in some {
                let values = split.test.row((row + 37 * pump) % split.test.rows());
                let row = Row::new(row as i64, values);
                answers.push(publisher.publish(&format!("pump {pump}"), &row, None).await?);
            }
            for answer in answers {
                answer.await?;
            }
        }
    }
    scored(&context, &names, (rows + live) * pumps, started).await?;

    let mut stream = context.get_stream(names.alarms()).await?;
    let events = stream.info().await?.state.messages as usize;
    let all = stream.create_consumer(jetstream::consumer::pull::OrderedConfig::default()).await?;
    let mut told = all.messages().await?.take(events);
    let mut opened = 0;
    while let Some(event) = told.next().await {
        let event: serde_json::Value = serde_json::from_slice(&event?.payload)?;
        if let Ok(AlarmEvent::Opened(alarm)) = serde_json::from_value(event.clone()) {
            opened += 1;
            if opened <= 5 {
                println!("{}: {alarm}", event["series"].as_str().unwrap_or_default());
            }
        }
    }
    println!("{events} events, {opened} alarms opened");
    drop(processes);
    if folder.is_dir() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Tells that rows are published, and waits until none of them waits; before the workers have begun, there is no telling.
async fn scored(
    context: &jetstream::Context,
    names: &Names,
    rows: usize,
    started: Instant,
) -> anyhow::Result<()> {
    let seconds = started.elapsed().as_secs_f64();
    println!("{rows} rows are on the broker after {seconds:.1} s");
    let waiting = Instant::now();
    loop {
        let asked = Instant::now();
        if backlog(context, names, WorkerConfig::default().partitions).await.unwrap_or(1) == 0 {
            break;
        }
        ensure!(waiting.elapsed() < Duration::from_secs(600), "rows still wait after ten minutes");
        // The broker counts rows by subject, with 10 000 subjects for a second: it has other things to do.
        tokio::time::sleep(Duration::from_millis(200).max(9 * asked.elapsed())).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("all are scored after {seconds:.1} s, {:.0} a second", rows as f64 / seconds);
    Ok(())
}

async fn connect(server: &str) -> anyhow::Result<jetstream::Context> {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    Ok(jetstream::new(options.connect(server).await?))
}
