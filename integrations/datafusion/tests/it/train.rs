use aster_datafusion::Functions;
use aster_datafusion::aster::{AsterConfig, Detector, Device, fit};
use aster_datafusion::datafusion::arrow::array::BinaryArray;
use aster_datafusion::datafusion::prelude::{SessionConfig, SessionContext};

use crate::fleet;

fn query(config: &str) -> String {
    format!(
        "SELECT pump, aster_train('{config}', time, flow, pressure, speed) AS detector
         FROM pumps GROUP BY pump ORDER BY pump"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_trains_a_detector_for_each_group() {
    let folder = tempfile::tempdir().unwrap();
    let pumps = fleet::write(folder.path(), 3, 2);
    let config: AsterConfig = serde_json::from_str(fleet::QUICK).unwrap();
    let expected: Vec<Detector> = (0..3)
        .map(|it| fit(&config, &fleet::pump(it).into_train(), &Device::flex()).unwrap())
        .collect();
    // Grouped in one step, and in two.
    for tasks in [1, 3] {
        let config = SessionConfig::new().with_target_partitions(tasks);
        let context = SessionContext::new_with_config(config);
        Functions::default().register(&context);
        fleet::register(&context, &pumps).await;
        let table = fleet::rows(&context, &query(fleet::QUICK)).await;
        assert_eq!(fleet::texts(&table, "pump"), [0, 1, 2].map(fleet::name));
        let detectors: BinaryArray = fleet::column(&table, "detector");
        for (bytes, expected) in detectors.iter().flatten().zip(&expected) {
            let detector = Detector::from_bytes(bytes, &Device::flex()).unwrap();
            assert_eq!(detector.fingerprint(), expected.fingerprint(), "with {tasks} tasks");
            assert_eq!(detector.channels(), expected.channels());
            assert_eq!(detector.threshold(), expected.threshold());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_trained_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let context = SessionContext::new();
    Functions::default().register(&context);
    fleet::register(&context, &fleet::write(folder.path(), 1, 1)).await;
    for (arguments, part) in [
        ("'{\"train\": {\"epochs\": 0}}', time, flow", "epochs"),
        ("'{\"trian\": {}}', time, flow", "trian"),
        ("'default', flow, pressure", "times or whole numbers"),
        ("'default', time", "at least one channel"),
        ("'default', time, pump", "columns of numbers"),
        ("'default', time, flow ORDER BY time", "neither DISTINCT nor ORDER BY"),
    ] {
        let error =
            fleet::error(&context, &format!("SELECT aster_train({arguments}) FROM pumps")).await;
        assert!(error.contains(part), "{part:?} in {error}");
    }
    let twice = "SELECT aster_train('default', time, flow) FROM
        (SELECT time, flow FROM pumps UNION ALL SELECT time, flow FROM pumps)";
    let error = fleet::error(&context, twice).await;
    assert!(error.contains("aster_train"), "{error}");
    // Of no rows there is no detector.
    let none = "SELECT aster_train('default', time, flow) AS detector FROM pumps WHERE flow > 1e9";
    let table = fleet::rows(&context, none).await;
    assert_eq!(fleet::column::<BinaryArray>(&table, "detector").iter().collect::<Vec<_>>(), [None]);
}
