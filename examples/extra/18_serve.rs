//! Serves this machine's devices to programs that train or score elsewhere.
//!
//! `cargo run --release -p aster-examples-extra --example serve --features remote -- 3000`; there, `remote` is
//! compiled in too and the device is `remote:ws://this-host:3000`.

use aster::burn::server::{RemoteServer, WebSocketTransport};
use aster::prelude::*;
use clap::Parser;

/// WebSocket is unencrypted: serve inside a trusted network.
#[derive(Parser)]
struct Arguments {
    /// TCP port.
    port: u16,
    /// Devices to serve: auto, or names such as cuda:0 cuda:1. All of one backend.
    #[arg(default_value = "auto")]
    devices: Vec<DeviceChoice>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { port, devices } = Arguments::parse();
    let devices = devices.into_iter().map(device).collect::<Result<Vec<Device>, _>>()?;
    println!("serving {devices:?} on port {port} until Ctrl-C");
    RemoteServer::new(devices).serve(WebSocketTransport::new(port))?;
    Ok(())
}
