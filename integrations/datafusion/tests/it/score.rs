use aster_datafusion::Functions;
use aster_datafusion::aster::data::MissingPolicy;
use aster_datafusion::aster::eval::ThresholdRule;
use aster_datafusion::datafusion::arrow::array::{
    Array, BooleanArray, Float32Array, StringArray, StructArray, UInt64Array,
};
use aster_datafusion::datafusion::prelude::SessionContext;

use crate::fleet;

/// Checks a table of scores against what the detector finds in each pump by itself.
pub(crate) fn check(table: &fleet::Table, pumps: usize) {
    let names: Vec<String> = fleet::texts(table, "pump");
    let scored: StructArray = fleet::column(table, "s");
    let [scores, thresholds]: [Float32Array; 2] =
        ["score", "threshold"].map(|name| fleet::field(&scored, name));
    let alarms: BooleanArray = fleet::field(&scored, "alarm");
    let numbers: UInt64Array = fleet::field(&scored, "number");
    let channels: StringArray = fleet::field(&scored, "channel");
    let mut at = 0;
    let mut alarmed = 0;
    for pump in 0..pumps {
        let expected = fleet::detector().detect(&fleet::pump(pump)).unwrap();
        for row in 0..expected.scores.len() {
            assert_eq!(names[at], fleet::name(pump));
            assert_eq!(scores.value(at), expected.scores[row], "pump {pump}, row {row}");
            assert_eq!(thresholds.value(at), expected.thresholds[row]);
            let alarm = expected.alarms.iter().find(|alarm| alarm.rows().contains(&row));
            assert_eq!(alarms.value(at), alarm.is_some());
            assert_eq!(numbers.is_valid(at).then(|| numbers.value(at)), alarm.map(|it| it.number));
            let channel = alarm.and_then(|it| it.reasons.first());
            let told = channels.is_valid(at).then(|| channels.value(at));
            assert_eq!(told, channel.map(|it| it.channel.as_str()));
            alarmed += usize::from(alarm.is_some());
            at += 1;
        }
    }
    assert_eq!(at, table.num_rows());
    // Else it would show nothing.
    assert!(pumps < 9 || alarmed > 0 && alarmed < at, "{alarmed} of {at} rows alarm");
}

fn context() -> (SessionContext, Functions) {
    let (context, functions) = (SessionContext::new(), Functions::default());
    functions.register(&context);
    (context, functions)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_series_scores_as_by_itself_wherever_its_rows_lie() {
    let folder = tempfile::tempdir().unwrap();
    let (context, _) = context();
    fleet::register(&context, &fleet::write(folder.path(), 9, 3)).await;
    let query = fleet::query(&fleet::stored(&folder));
    check(&fleet::rows(&context, &query).await, 9);
    // One series at a time is in memory, not those of a whole task.
    let plan = context.sql(&query).await.unwrap().create_physical_plan().await.unwrap();
    let plan = format!(
        "{}",
        aster_datafusion::datafusion::physical_plan::displayable(&*plan).indent(true)
    );
    assert!(plan.contains("BoundedWindowAggExec") && plan.contains("mode=[Sorted]"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_and_a_url_of_a_row_name_detectors_too() {
    let folder = tempfile::tempdir().unwrap();
    let (context, _) = context();
    fleet::register(&context, &fleet::write(folder.path(), 2, 1)).await;
    fleet::detector().save(folder.path().join("pump 000")).unwrap();
    fleet::detector().save(folder.path().join("pump 001")).unwrap();
    let place = folder.path().to_str().unwrap();
    let query = format!(
        "SELECT pump, time, aster_score('{place}/' || pump, flow, pressure, speed)
             OVER (PARTITION BY pump ORDER BY time) AS s
         FROM pumps ORDER BY pump, time"
    );
    check(&fleet::rows(&context, &query).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_is_replaced_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (context, functions) = context();
    fleet::register(&context, &fleet::write(folder.path(), 1, 1)).await;
    let stored = fleet::stored(&folder);
    let threshold = async || {
        let table = fleet::rows(&context, &fleet::query(&stored)).await;
        fleet::field::<Float32Array>(&fleet::column(&table, "s"), "threshold").value(0)
    };
    let before = threshold().await;
    assert!(std::sync::Arc::ptr_eq(
        &functions.detectors().get(&stored).unwrap(),
        &functions.detectors().get(&stored).unwrap()
    ));
    let rule = ThresholdRule::FalseAlarmRate { rate: 0.2 };
    let lower = fleet::detector().with_threshold(rule).unwrap();
    functions.detectors().put(&stored, &lower.to_bytes().unwrap()).unwrap();
    assert!(threshold().await < before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (context, _) = context();
    fleet::register(&context, &fleet::write(folder.path(), 2, 1)).await;
    let stored = fleet::stored(&folder);
    let over = "OVER (PARTITION BY pump ORDER BY time) FROM pumps";
    let fingerprint = fleet::detector().fingerprint();
    for (arguments, parts) in [
        (format!("'{stored}', flow, speed"), &["pressure", fingerprint][..]),
        (format!("'{stored}', flow, speed, pressure"), &["pressure", fingerprint]),
        (format!("'{stored}', flow, pressure, pump"), &["expected columns of numbers", "Utf8"]),
        (format!("'{stored}'"), &["at least one column", "1 arguments"]),
        ("'/nowhere/pumps.aster', flow".into(), &["/nowhere/pumps.aster", "not found"]),
        ("'gopher://nowhere/pumps', flow".into(), &["gopher://nowhere/pumps"]),
        (format!("'{stored}' || time, flow"), &["one detector for all rows of a series"]),
        ("CAST(NULL AS VARCHAR), flow".into(), &["one detector for all rows", "got none"]),
    ] {
        let error =
            fleet::error(&context, &format!("SELECT aster_score({arguments}) {over}")).await;
        for part in parts {
            assert!(error.to_lowercase().contains(&part.to_lowercase()), "{part:?} in {error}");
        }
    }
    std::fs::write(&stored, b"no detector").unwrap();
    let error = fleet::error(&context, &fleet::query(&stored)).await;
    assert!(error.contains("pumps.aster"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_values_are_an_error_until_one_says_what_becomes_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let pumps = fleet::write(folder.path(), 1, 1);
    let stored = fleet::stored(&folder);
    let query = format!(
        "SELECT pump, time, aster_score('{stored}', flow, pressure, speed)
             OVER (PARTITION BY pump ORDER BY time) AS s
         FROM (SELECT pump, time, flow, nullif(pressure, first) AS pressure, speed FROM
             (SELECT *, nth_value(pressure, 6) OVER (PARTITION BY pump ORDER BY time
                 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS first FROM pumps))
         ORDER BY pump, time"
    );
    let (context, _) = context();
    fleet::register(&context, &pumps).await;
    let error = fleet::error(&context, &query).await;
    assert!(error.contains("pressure") && error.contains("row 5"), "{error}");

    let filling = SessionContext::new();
    Functions::default().with_missing(MissingPolicy::ForwardFill).register(&filling);
    fleet::register(&filling, &pumps).await;
    assert_eq!(fleet::rows(&filling, &query).await.num_rows(), fleet::pump(0).rows());
}
