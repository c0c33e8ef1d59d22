//! What a report says and draws, without a browser.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use aster_base::Configure;
use aster_data::{Clock, OffsetChange, SyntheticConfig, TimeSeries};
use aster_detect::{AsterConfig, ComponentConfig, Detector, Smoothing, Source};
use aster_report::{Plot, Report, ReportConfig, ReportError};
use burn::tensor::Device;

fn trained(mut config: AsterConfig) -> (Detector, TimeSeries) {
    let split = SyntheticConfig { train_rows: 400, ..Default::default() }.generate().unwrap();
    (config.train.epochs, config.train.steps_per_epoch) = (1, 2);
    (aster_train::fit(&config, &split.train, &Device::flex()).unwrap(), split.test)
}

#[test]
fn pages_and_pictures_are_written() {
    let (detector, series) = trained(AsterConfig::default());
    let report = Report::new(&detector, &series, &ReportConfig::default()).unwrap();
    assert_eq!(report.detection(), &detector.detect(&series).unwrap());
    let severities: Vec<f64> = report.alarms().iter().map(|it| it.alarm.severity).collect();
    assert!(severities.len() > 1 && severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
    let folder = tempfile::tempdir().unwrap();
    for plot in Plot::ALL {
        let (svg, png) = (folder.path().join("plot.svg"), folder.path().join("plot.png"));
        report.svg(plot, &svg).unwrap();
        report.png(plot, &png).unwrap();
        let svg = std::fs::read_to_string(svg).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("<text"), "{plot:?}");
        assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"), "{plot:?}");
    }
    let path = folder.path().join("report.html");
    report.html(&path).unwrap();
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page.len() < 7_000_000, "{} bytes", page.len());
    let observed = report.alarms()[0].alarm.reasons[0].observation();
    assert!(page.contains(&observed), "{observed}");
    let missing = report.html(folder.path().join("no/such/folder.html")).unwrap_err();
    assert!(matches!(missing, ReportError::Io { .. }), "{missing}");
}

#[test]
fn curves_need_labels_and_contributions_need_components_by_channel() {
    let mut config = AsterConfig::default();
    let classifier = ComponentConfig::new(Source::Classifier, Smoothing::Rows(1), 1.0);
    config.score.components = vec![classifier];
    let (detector, labelled) = trained(config);
    let series = TimeSeries::new(labelled.channels().to_vec(), labelled.values().to_vec()).unwrap();
    let report = Report::new(&detector, &series, &ReportConfig::default()).unwrap();
    assert!(report.alarms().iter().all(|alarm| alarm.contributions.is_empty()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    report.html(&path).unwrap();
    assert!(!std::fs::read_to_string(&path).unwrap().contains("AUROC"));
    let error = report.svg(Plot::Roc, &path).unwrap_err();
    assert!(matches!(error, ReportError::Nothing { plot: Plot::Roc, .. }), "{error}");
}

#[test]
fn long_series_make_small_pages() {
    let (detector, series) = trained(AsterConfig::default());
    let repeated = series.values().repeat(10);
    let long = TimeSeries::new(series.channels().to_vec(), repeated).unwrap();
    let config = ReportConfig::with(|it| it.points = 200);
    let folder = tempfile::tempdir().unwrap();
    let size = |series: &TimeSeries, config: &ReportConfig| {
        let path = folder.path().join("report.html");
        Report::new(&detector, series, config).unwrap().html(&path).unwrap();
        std::fs::metadata(path).unwrap().len()
    };
    let saved = size(&long, &ReportConfig::default()) - size(&long, &config);
    // 20 000 rows of 8 channels, score and threshold, 12 bytes each, in base 64.
    assert!(saved > 10 * 15_000 * 12 * 4 / 3, "{saved}");
}

#[test]
fn times_are_shown_by_the_clock_of_the_series() {
    let (detector, series) = trained(AsterConfig::default());
    let folder = tempfile::tempdir().unwrap();
    let drawn = |clock: Clock| {
        let time = |row: usize| (1_767_225_600 + 60 * row as i64) * 1_000_000_000;
        let times = (0..series.rows()).map(time).collect();
        let dated = series.clone().with_timestamps(times).unwrap().with_clock(clock);
        let report = Report::new(&detector, &dated, &ReportConfig::default()).unwrap();
        let report = report.with_note("plant.csv: 6 rows <of> 2");
        let (svg, html) = (folder.path().join("scores.svg"), folder.path().join("report.html"));
        report.svg(Plot::Scores, &svg).unwrap();
        report.html(&html).unwrap();
        (std::fs::read_to_string(svg).unwrap(), std::fs::read_to_string(html).unwrap())
    };
    let (picture, page) = drawn(Clock::Local);
    assert!(picture.contains("2026-01-01 06:00:00") && page.contains("2026-01-01 00:00:00</dd>"));
    assert!(page.contains("plant.csv: 6 rows &#60;of&#62; 2"));
    let alarms = detector.detect(&series).unwrap().alarms;
    let first_day = alarms.iter().filter(|alarm| alarm.interval.start < 1440).count();
    let heading = match first_day {
        1 => ">2026-01-01: 1 alarm".to_owned(),
        more => format!(">2026-01-01: {more} alarms"),
    };
    assert!(first_day > 0 && page.contains(&heading), "{heading}");
    for fact in ["false alarms to expect", "events found", "median delay"] {
        assert!(page.contains(fact), "{fact}");
    }
    let east = OffsetChange { from: 0, seconds: 3600 };
    let (picture, page) = drawn(Clock::Zoned(vec![east]));
    assert!(picture.contains("UTC+01:00") && page.contains("2026-01-01 01:00:00+01:00"));
    let (picture, page) = drawn(Clock::Counts);
    assert!(picture.contains("timestamp") && !picture.contains("2026"));
    assert!(page.contains("1767225600000000000</dd>") && !page.contains("class=\"day\""));
}

#[test]
fn odd_series_are_drawn_too() {
    let (detector, series) = trained(AsterConfig::default());
    let folder = tempfile::tempdir().unwrap();
    for rows in [1, 2, 40] {
        let short = series.slice(0..rows).unwrap();
        let report = Report::new(&detector, &short, &ReportConfig::default()).unwrap();
        report.html(folder.path().join("report.html")).unwrap();
        report.svg(Plot::Scores, folder.path().join("scores.svg")).unwrap();
        report.svg(Plot::Histogram, folder.path().join("histogram.svg")).unwrap();
    }
    let setting = Report::new(&detector, &series, &ReportConfig::with(|it| it.points = 5));
    assert!(matches!(setting.unwrap_err(), ReportError::Setting(_)));
}
