//! A service of many streams: rows come as JSON from several threads, all cores score, and a new
//! detector takes over between two rows.
//!
//! `cargo run --release --example many_streams`

use std::iter::once;
use std::sync::{Arc, mpsc};
use std::thread;

use aster::prelude::*;
use serde_json::json;

const CLIENTS: usize = 4;
const PUMPS: usize = 10; // of each client
const ROWS: usize = 600; // of each pump

fn main() -> anyhow::Result<()> {
    let split = SyntheticConfig { train_rows: 2000, ..Default::default() }.generate()?;
    let mut config = AsterConfig::default();
    config.train.epochs = 2;
    let detector = Arc::new(fit(&config, &split.train, &device(DeviceChoice::Auto)?)?);

    let mut streams = Streams::new(detector.clone(), StreamConfig::default())?
        .with_threads(thread::available_parallelism()?.get())?;
    let mut newer = Some(detector.with_threshold(ThresholdRule::FalseAlarmRate { rate: 0.001 })?);

    let (sender, incoming) = mpsc::sync_channel(4096);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (sender, test) = (sender.clone(), &split.test);
            scope.spawn(move || {
                for (row, pump) in (0..PUMPS * ROWS).map(|i| (i / PUMPS, i % PUMPS)) {
                    let values = test.row((row + 50 * pump) % test.rows());
                    let message = json!({ "time": row, "values": values }).to_string();
                    let _ = sender.send((format!("pump {client}.{pump}"), message));
                }
            });
        }
        drop(sender);
        let (incoming, mut rows) = (incoming, 0); // dropped on an error, which ends the senders
        while let Ok(first) = incoming.recv() {
            // With it, whatever else has come: the network runs on all windows together.
            let batch = once(first).chain(incoming.try_iter().take(4095));
            let parsed = batch.map(|(name, message)| Ok((name, serde_json::from_str(&message)?)));
            let batch = parsed.collect::<anyhow::Result<Vec<(String, Row)>>>()?;
            rows += batch.len();
            for (name, output) in streams.push(&batch)? {
                output.events.iter().for_each(|event| println!("{name}: {event}"));
            }
            if rows > 12_000
                && let Some(newer) = newer.take()
            {
                streams.swap(newer.into())?;
                println!("-- from here on with fewer alarms");
            }
        }
        println!("{rows} rows of {} streams", streams.counts().count());
        Ok(())
    })
}
