//! A worker of a group, and what a person needs beside it.
//!
//! `cargo run --release -- --help`

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use aster_nats::aster::{Detector, DeviceChoice, device};
use aster_nats::{Names, WorkerConfig, async_nats, describe_metrics, put_detector, work};
use async_nats::jetstream;
use clap::{Parser, Subcommand};
use futures::StreamExt;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(version, about = "Anomaly detection with ASTER on rows of a NATS JetStream")]
struct Arguments {
    /// Servers of the broker, separated by commas.
    #[arg(long, global = true, default_value = "nats://127.0.0.1:4222")]
    server: String,
    /// File with the credentials of a user.
    #[arg(long, global = true)]
    credentials: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Works on a group, until Ctrl-C or SIGTERM.
    Work {
        /// Group of series that share a detector.
        #[arg(long)]
        group: String,
        /// File with settings of the worker, as JSON.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Address at which Prometheus fetches metrics.
        #[arg(long)]
        metrics: Option<SocketAddr>,
    },
    /// Puts a detector for all workers of a group.
    Put {
        /// Group of series that share a detector.
        #[arg(long)]
        group: String,
        /// Folder of the detector, or file of its bytes.
        detector: PathBuf,
    },
    /// Prints what happens to alarms, a JSON object a line.
    Alarms {
        /// Group of series that share a detector.
        #[arg(long)]
        group: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Arguments { server, credentials, command } = Arguments::parse();
    match command {
        Command::Work { group, config, metrics } => {
            // First of all: one that is stopped as it starts ends as any other does.
            let stop = stopped()?;
            let context = connect(&server, credentials).await?;
            let mut settings = match config {
                Some(file) => read(&file)?,
                None => WorkerConfig::default(),
            };
            settings.group = group;
            if let Some(address) = metrics {
                let recorder = metrics_exporter_prometheus::PrometheusBuilder::new();
                recorder.with_http_listener(address).install()?;
                aster_nats::aster::detect::describe_metrics();
                describe_metrics();
            }
            let device = device(DeviceChoice::Auto)?;
            work(&context, &settings, &device, stop).await?;
        }
        Command::Put { group, detector } => {
            let device = device(DeviceChoice::Auto)?;
            let detector = match detector.is_dir() {
                true => Detector::load(detector, &device)?,
                false => {
                    let bytes = std::fs::read(&detector);
                    let bytes = bytes.with_context(|| detector.display().to_string())?;
                    Detector::from_bytes(&bytes, &device)?
                }
            };
            let context = connect(&server, credentials).await?;
            put_detector(&context, &Names::new(group)?, &detector).await?;
            println!("{}", detector.fingerprint());
        }
        Command::Alarms { group } => {
            let context = connect(&server, credentials).await?;
            let stream = context.get_stream(Names::new(group)?.alarms()).await?;
            let config = jetstream::consumer::pull::OrderedConfig::default();
            let mut events = stream.create_consumer(config).await?.messages().await?;
            while let Some(event) = events.next().await {
                println!("{}", String::from_utf8_lossy(&event?.payload));
            }
        }
    }
    Ok(())
}

async fn connect(
    servers: &str,
    credentials: Option<PathBuf>,
) -> anyhow::Result<jetstream::Context> {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let options = match credentials {
        Some(file) => options.credentials_file(file).await?,
        None => options,
    };
    let servers: Vec<&str> = servers.split(',').collect();
    Ok(jetstream::new(options.connect(servers).await?))
}

fn read(file: &std::path::Path) -> anyhow::Result<WorkerConfig> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// Ready on Ctrl-C and SIGTERM, which are waited for from now on.
#[cfg(unix)]
fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Ready on Ctrl-C.
#[cfg(not(unix))]
fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Where it cannot be waited for, the process is stopped from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
