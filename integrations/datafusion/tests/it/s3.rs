//! Tables and detectors that are objects of a store, which speaks as much of S3's protocol as is needed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use aster_datafusion::aster::Device;
use aster_datafusion::datafusion::prelude::{ParquetReadOptions, SessionContext};
use aster_datafusion::{Detectors, Functions, Stores};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::routing::get;

use crate::{fleet, score};

type Objects = Arc<Mutex<BTreeMap<String, Bytes>>>;
type Answer = (StatusCode, [(HeaderName, String); 3], Bytes);

/// Starts a store whose bucket `lake` has the files of a fleet; what it holds, and its address.
fn start(pumps: usize) -> (Objects, String) {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::default();
    for file in std::fs::read_dir(fleet::write(folder.path(), pumps, 3)).unwrap() {
        let path = file.unwrap().path();
        let name = format!("pumps/{}", path.file_name().unwrap().to_str().unwrap());
        objects.lock().unwrap().insert(name, std::fs::read(path).unwrap().into());
    }
    let router = Router::new()
        .route("/lake", get(list))
        .route("/lake/{*path}", get(read).put(write))
        .with_state(objects.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // On a thread of its own: a query waits for a detector with the threads that it has.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (objects, address)
}

fn options(address: &str) -> [(&'static str, String); 5] {
    [
        ("aws_endpoint", address.into()),
        ("aws_allow_http", "true".into()),
        ("aws_region", "eu-central-1".into()),
        ("aws_access_key_id", "pumps".into()),
        ("aws_secret_access_key", "secret".into()),
    ]
}

/// Functions whose detectors and tables lie in a store of these options.
fn functions(options: &[(&str, String)]) -> Functions {
    let with = |stores: Stores, (name, value): &(&str, String)| {
        stores.with_option(name, value.clone()).unwrap()
    };
    let stores = options.iter().fold(Stores::default(), with);
    Functions::new(Detectors::new(Device::flex()).with_stores(stores))
}

fn signed(headers: &HeaderMap) -> bool {
    let signature = headers.get(header::AUTHORIZATION).map(|it| it.to_str().unwrap());
    signature.is_some_and(|it| it.starts_with("AWS4-HMAC-SHA256 Credential=pumps/"))
}

fn answer(status: StatusCode, range: String, body: Bytes) -> Answer {
    let tag = format!("\"{}\"", body.len());
    let modified = "Sun, 29 Nov 2026 10:00:00 GMT".into();
    let headers =
        [(header::ETAG, tag), (header::LAST_MODIFIED, modified), (header::CONTENT_RANGE, range)];
    (status, headers, body)
}

async fn read(
    State(objects): State<Objects>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Answer, StatusCode> {
    if !signed(&headers) {
        return Err(StatusCode::FORBIDDEN);
    }
    let object = objects.lock().unwrap().get(&path).cloned().ok_or(StatusCode::NOT_FOUND)?;
    let Some(range) = headers.get(header::RANGE) else {
        return Ok(answer(StatusCode::OK, String::new(), object));
    };
    let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
    let (first, last) = match range.split_once('-').unwrap() {
        ("", last) => (object.len() - last.parse::<usize>().unwrap(), object.len() - 1),
        (first, "") => (first.parse().unwrap(), object.len() - 1),
        (first, last) => {
            (first.parse().unwrap(), last.parse::<usize>().unwrap().min(object.len() - 1))
        }
    };
    let told = format!("bytes {first}-{last}/{}", object.len());
    Ok(answer(StatusCode::PARTIAL_CONTENT, told, object.slice(first..=last)))
}

async fn write(
    State(objects): State<Objects>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, StatusCode> {
    if !signed(&headers) {
        return Err(StatusCode::FORBIDDEN);
    }
    objects.lock().unwrap().insert(path, body.clone());
    Ok(answer(StatusCode::OK, String::new(), body))
}

async fn list(
    State(objects): State<Objects>,
    Query(query): Query<BTreeMap<String, String>>,
) -> String {
    let mut text = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_string();
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    for (name, object) in objects.lock().unwrap().iter().filter(|it| it.0.starts_with(&prefix)) {
        write!(
            text,
            "<Contents><Key>{name}</Key><LastModified>2026-11-29T10:00:00.000Z</LastModified>
                <Size>{}</Size><ETag>1</ETag></Contents>",
            object.len()
        )
        .unwrap();
    }
    text + "</ListBucketResult>"
}

/// Checks that a query over the lake gives what each series has by itself.
async fn check(context: &SessionContext, pumps: usize) {
    let options = ParquetReadOptions::default();
    context.register_parquet("pumps", "s3://lake/pumps/", options).await.unwrap();
    let query = fleet::query("s3://lake/detectors/pumps.aster");
    score::check(&fleet::rows(context, &query).await, pumps);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_detectors_lie_in_a_store() {
    let (objects, address) = start(9);
    let functions = functions(&options(&address));
    let detector = fleet::detector().to_bytes().unwrap();
    functions.detectors().put("s3://lake/detectors/pumps.aster", &detector).unwrap();
    assert_eq!(objects.lock().unwrap()["detectors/pumps.aster"], detector);
    check(&functions.context().unwrap(), 9).await;

    let error = Stores::default().with_option("aws_regoin", "eu-central-1").unwrap_err();
    assert!(error.to_string().contains("aws_regoin"), "{error}");
    // Nobody has said who it is.
    let stores = Stores::default().with_option("aws_endpoint", address).unwrap();
    let stores = stores.with_option("aws_allow_http", "true").unwrap();
    let stores = stores.with_option("aws_skip_signature", "true").unwrap();
    let refused = Detectors::new(Device::flex()).with_stores(stores);
    let error = refused.get("s3://lake/detectors/pumps.aster").unwrap_err();
    assert!(error.to_string().contains("s3://lake/detectors/pumps.aster"), "{error}");
}

#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_takes_what_its_stores_need_from_the_environment() {
    use crate::cluster::Cluster;

    let (objects, address) = start(9);
    let detector = fleet::detector().to_bytes().unwrap();
    objects.lock().unwrap().insert("detectors/pumps.aster".into(), detector.into());
    let options = options(&address);
    let cluster = Cluster::with(1, &options.clone().map(|(name, it)| (name.to_uppercase(), it)));
    check(&cluster.connect(&functions(&options)).await, 9).await;
}
