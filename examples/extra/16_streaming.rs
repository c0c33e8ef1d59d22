//! A service that scores rows as they come: an HTTP endpoint that takes them, a page that shows
//! what it makes of them, and a place on disk from which it goes on after a restart.
//!
//! `cargo run --release -p aster-examples-extra --example streaming -- [--port 8080] [--stay]`
//!
//! A sensor of its own sends synthetic rows for some seconds; `--stay` keeps serving after that.
//! Prometheus reads what it counts at `/metrics`; `streaming-grafana.json` beside this file is a dashboard
//! of it. Yours sends its rows so, several at once if it likes:
//!
//! `curl -X POST localhost:8080/rows -H 'content-type: application/json'
//!      -d '[{"time": 3000000, "values": [0, 0, 0, 0, 0, 0, 0, 0]}]'`
//!
//! The page has buttons to say what an alarm is that goes on; so has a script: `curl -X POST
//! localhost:8080/acknowledge -H 'content-type: application/json' -d '"incident"'`

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aster::DetectError;
use aster::detect::{Notice, OnLate, Regular, Scored, StreamOutput, describe_metrics};
use aster::prelude::*;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde::Serialize;

/// Milliseconds between rows.
const STEP: i64 = 1000;
/// Scores that the page shows.
const SHOWN: usize = 600;
/// Notices that the page shows.
const NOTICES: usize = 20;

/// Serve a detector.
#[derive(Parser)]
struct Arguments {
    /// TCP port on this machine; 0: one that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keep serving after the last synthetic row.
    #[arg(long)]
    stay: bool,
}

/// State that all requests share.
struct Service {
    stream: StreamingDetector,
    recent: VecDeque<Scored>,
    /// What happened last to each alarm.
    alarms: BTreeMap<u64, AlarmEvent>,
    /// What was absent of late.
    notices: VecDeque<Notice>,
}

type Shared = Arc<Mutex<Service>>;

/// Answer to the page.
#[derive(Serialize)]
struct Shown {
    recent: VecDeque<Scored>,
    alarms: BTreeMap<u64, AlarmEvent>,
    /// As sentences.
    notices: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let metrics = PrometheusBuilder::new().install_recorder()?;
    describe_metrics();
    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let device = device(DeviceChoice::Auto)?;
    let folder = Path::new("streaming-output");
    let (config, train) = (AsterConfig::default(), split.train);
    let detector = tokio::task::block_in_place(|| fit(&config, &train, &device))?;

    let policy = StreamConfig::with(|it| {
        (it.late, it.regular) = (OnLate::Restart, Some(Regular { step: STEP, fill: 5 }));
    });
    let stream = StreamingDetector::new(Arc::new(detector), policy)?;
    println!("a score is final {} rows after its own at most", stream.latency());
    let (recent, notices) = (VecDeque::new(), VecDeque::new());
    let service = Service { stream, recent, alarms: BTreeMap::new(), notices };
    let shared = Arc::new(Mutex::new(service));

    let routes = Router::new()
        .route("/", get(async || Html(include_str!("streaming.html"))))
        .route("/rows", post(take))
        .route("/state", get(show))
        .route("/acknowledge", post(acknowledge))
        .route("/metrics", get(async move || metrics.render()))
        .with_state(shared.clone());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", arguments.port)).await?;
    println!("look at http://{}", listener.local_addr()?);
    let server = tokio::spawn(async { axum::serve(listener, routes).await });

    for row in 0..split.test.rows() {
        // A few rows are lost on the way, and a sensor drops out now and then.
        if row % 500 < 3 {
            continue;
        }
        let mut values = split.test.row(row).to_vec();
        if row % 97 == 0 {
            values[0] = f64::NAN;
        }
        let sent = Row::new(STEP * row as i64, values);
        let Json(output) = match take(State(shared.clone()), Json(vec![sent])).await {
            Ok(output) => output,
            Err((status, reason)) => anyhow::bail!("{status}: {reason}"),
        };
        for event in &output.events {
            println!("{event}");
        }
        for notice in &output.notices {
            println!("{notice}");
        }
        if row % 700 == 699 {
            restart(&shared, &folder.join("stream"))?;
            println!("restarted after row {row}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("{:?}", lock(&shared).stream.counts());
    if arguments.stay {
        server.await??;
    }
    Ok(())
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Service> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes rows, in which `null` is a value that is missing; gives the scores that are final now and what
/// happens to alarms. Rows that are refused change nothing.
async fn take(
    State(shared): State<Shared>,
    Json(sent): Json<Vec<Row<'static>>>,
) -> Result<Json<StreamOutput>, (StatusCode, String)> {
    let pushed = tokio::task::block_in_place(|| lock(&shared).push(&sent));
    pushed.map(Json).map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

/// Takes a person's word on the alarm that goes on, `"normal"` or `"incident"`; the stream keeps it, over
/// a restart too.
async fn acknowledge(
    State(shared): State<Shared>,
    Json(said): Json<Acknowledgement>,
) -> Result<Json<StreamOutput>, (StatusCode, String)> {
    let mut service = lock(&shared);
    let output = match service.stream.acknowledge(said) {
        Ok(Some(output)) => output,
        Ok(None) => return Err((StatusCode::CONFLICT, "no alarm goes on".into())),
        Err(error) => return Err((StatusCode::UNPROCESSABLE_ENTITY, error.to_string())),
    };
    service.keep(&output);
    Ok(Json(output))
}

async fn show(State(shared): State<Shared>) -> Json<Shown> {
    let service = lock(&shared);
    let notices = service.notices.iter().map(Notice::to_string).collect();
    Json(Shown { recent: service.recent.clone(), alarms: service.alarms.clone(), notices })
}

impl Service {
    fn push(&mut self, rows: &[Row]) -> Result<StreamOutput, DetectError> {
        let output = self.stream.push(rows)?;
        self.keep(&output);
        Ok(output)
    }

    /// Keeps what the page shows.
    fn keep(&mut self, output: &StreamOutput) {
        self.recent.extend(&output.scores);
        let old = self.recent.len().saturating_sub(SHOWN);
        self.recent.drain(..old);
        self.notices.extend(output.notices.iter().cloned());
        let old = self.notices.len().saturating_sub(NOTICES);
        self.notices.drain(..old);
        let told = output.events.iter().cloned();
        self.alarms.extend(told.map(|event| (event.alarm().number, event)));
    }
}

/// As a new process would go on.
fn restart(shared: &Shared, folder: &Path) -> Result<(), DetectError> {
    let mut service = lock(shared);
    service.stream.save(folder)?;
    let detector = service.stream.detector().clone();
    service.stream = StreamingDetector::load(detector, folder)?;
    Ok(())
}
