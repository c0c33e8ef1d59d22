//! A hub in one process: what the real one answers to the client, and its accidents.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub that has `team/model` with branch `main` and tag `v1`, both at [`COMMIT`].
pub(crate) struct Server {
    pub(crate) address: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    address: String,
    files: BTreeMap<String, Vec<u8>>,
    accident: Option<Accident>,
    requests: Vec<String>,
}

/// What happens to the next download of weights.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Accident {
    /// The connection ends in the middle.
    Cut,
    /// One bit is not what it was.
    Flip,
}

impl Server {
    pub(crate) fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared =
            Arc::new(Mutex::new(Shared { address: address.clone(), files, ..Default::default() }));
        let hub = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let hub = Arc::clone(&hub);
                std::thread::spawn(move || hub.lock().unwrap().answer(stream));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn next(&self, accident: Accident) {
        self.shared.lock().unwrap().accident = Some(accident);
    }

    /// The requests since the last call, as `GET model.safetensors`.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().requests)
    }
}

impl Shared {
    /// One request, one connection.
    fn answer(&mut self, stream: TcpStream) {
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let Some(request) = lines.next() else { return };
        // A client whose request was not read to its end sees its connection reset.
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let parts: Vec<&str> = path.trim_matches('/').splitn(5, '/').collect();
        match parts[..] {
            ["team", "model", "resolve", "main" | "v1" | COMMIT, file] => {
                self.requests.push(format!("{method} {file}"));
                match self.files.get(file) {
                    None => missing(&stream, &at_commit()),
                    Some(bytes) if !file.ends_with(".safetensors") => {
                        // Git's own hash of a small file, of no use to the client but as a name.
                        let etag = format!("{}ETag: \"{}\"\r\n", at_commit(), &hash(bytes)[..40]);
                        send(&stream, "200 OK", &etag, bytes, method == "GET");
                    }
                    Some(bytes) => {
                        let headers = format!(
                            "{}X-Linked-ETag: \"{}\"\r\nX-Linked-Size: {}\r\n\
                             Location: {}/storage/of/large/files/{file}\r\n",
                            at_commit(),
                            hash(bytes),
                            bytes.len(),
                            self.address,
                        );
                        send(&stream, "302 Found", &headers, &[], true);
                    }
                }
            }
            ["storage", .., file] => {
                let mut bytes = self.files[file].clone();
                match self.accident.take() {
                    Some(Accident::Cut) => return cut(&stream, &bytes),
                    Some(Accident::Flip) => *bytes.last_mut().unwrap() ^= 1,
                    None => (),
                }
                send(&stream, "200 OK", "", &bytes, true);
            }
            ["api", "models", "team", "model"]
            | ["api", "models", "team", "model", "revision/main" | "revision/v1"] => {
                send(&stream, "200 OK", "", b"{}", true);
            }
            _ => missing(&stream, ""),
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

fn at_commit() -> String {
    format!("X-Repo-Commit: {COMMIT}\r\n")
}

fn missing(stream: &TcpStream, headers: &str) {
    send(stream, "404 Not Found", headers, &[], true);
}

fn send(mut stream: &TcpStream, status: &str, headers: &str, body: &[u8], with_body: bool) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    // A client that hung up is its own business.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(if with_body { body } else { &[] });
}

fn cut(mut stream: &TcpStream, bytes: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&bytes[..bytes.len() / 2]);
}
