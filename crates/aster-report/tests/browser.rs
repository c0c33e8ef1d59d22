//! The page in a headless Chromium: it loads nothing, says nothing on the console, and its
//! controls work. Skipped where there is no Chromium. Screenshots go into the folder that
//! `ASTER_SCREENSHOTS` names, if it names one.

use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aster_base::Configure;
use aster_data::{Clock, SyntheticConfig, TimeSeries};
use aster_detect::{AsterConfig, Detector};
use aster_report::{Report, ReportConfig};
use burn::tensor::Device;
use headless_chrome::protocol::cdp::Page::CaptureScreenshotFormatOption;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::{Browser, LaunchOptions, Tab};

type Tested = Result<(), Box<dyn Error>>;

const FIRST: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;

fn trained() -> Result<(Detector, TimeSeries), Box<dyn Error>> {
    let split = SyntheticConfig { train_rows: 1000, ..Default::default() }.generate()?;
    let mut config = AsterConfig::default();
    config.model.window = 16;
    (config.train.epochs, config.train.steps_per_epoch) = (2, 10);
    let detector = aster_train::fit(&config, &split.train, &Device::flex())?;
    // Nanoseconds, as the date-times of a file.
    let time = |row: usize| 1_000_000 * (FIRST + MINUTE * row as i64);
    let times = (0..split.test.rows()).map(time).collect();
    Ok((detector, split.test.with_timestamps(times)?.with_clock(Clock::Local)))
}

/// A page in a browser, with what it wrote on the console.
struct Opened {
    tab: Arc<Tab>,
    said: Arc<Mutex<Vec<String>>>,
    _browser: Browser,
}

fn chromium() -> Option<PathBuf> {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .map(PathBuf::from)
        .chain(std::env::var_os("CHROME").map(PathBuf::from))
        .find(|path| path.exists())
}

fn open(page: &Path, chromium: PathBuf) -> Result<Opened, Box<dyn Error>> {
    let quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
    let browser = Browser::new(LaunchOptions {
        path: Some(chromium),
        // Chromium's sandbox refuses to run as root, as which containers often run.
        sandbox: false,
        // As high as the page: what is outside is not on screenshots.
        window_size: Some((1400, 3100)),
        args: quiet.map(OsStr::new).to_vec(),
        idle_browser_timeout: Duration::from_secs(120),
        ..Default::default()
    })?;
    let tab = browser.new_tab()?;
    let said = Arc::new(Mutex::new(vec![]));
    let hear = said.clone();
    tab.enable_log()?.enable_runtime()?;
    tab.add_event_listener(Arc::new(move |event: &Event| {
        let text = match event {
            Event::LogEntryAdded(entry) => format!("{:?}", entry.params.entry),
            Event::RuntimeExceptionThrown(thrown) => format!("{:?}", thrown.params),
            Event::RuntimeConsoleAPICalled(call) => format!("{:?}", call.params),
            _ => return,
        };
        if let Ok(mut said) = hear.lock() {
            said.push(text);
        }
    }))?;
    tab.navigate_to(&format!("file://{}", page.display()))?;
    tab.wait_for_element_with_custom_timeout(":root[data-ready]", Duration::from_secs(60))?;
    Ok(Opened { tab, said, _browser: browser })
}

impl Opened {
    fn value(&self, expression: &str) -> Result<serde_json::Value, Box<dyn Error>> {
        let text = format!("JSON.stringify({expression})");
        let value = self.tab.evaluate(&text, false)?.value.unwrap_or_default();
        Ok(serde_json::from_str(value.as_str().unwrap_or("null"))?)
    }

    fn number(&self, expression: &str) -> Result<f64, Box<dyn Error>> {
        self.value(expression)?.as_f64().ok_or_else(|| format!("{expression} is no number").into())
    }

    fn click(&self, selector: &str) -> Tested {
        self.tab.evaluate(&format!("document.querySelector({selector:?}).click()"), false)?;
        Ok(())
    }

    fn screenshot(&self, name: &str) -> Tested {
        let Some(folder) = std::env::var_os("ASTER_SCREENSHOTS").map(PathBuf::from) else {
            return Ok(());
        };
        std::thread::sleep(Duration::from_millis(800));
        let png = CaptureScreenshotFormatOption::Png;
        let clip = self.tab.wait_for_element("body")?.get_box_model()?.margin_viewport();
        let image = self.tab.capture_screenshot(png, None, Some(clip), true)?;
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join(name).with_extension("png"), image)?)
    }
}

/// Channels that are drawn.
const DRAWN: &str = "document.getElementById('series').data.filter(t => t.yaxis !== 'y' && t.yaxis !== 'y2').map(t => t.name)";
const RANGE: &str = "document.getElementById('series').layout.xaxis.range.map(Number)";

#[test]
fn the_page_opens_in_a_browser_and_its_controls_work() -> Tested {
    let Some(chromium) = chromium() else {
        println!("skipped: no Chromium on this machine");
        return Ok(());
    };
    let (detector, series) = trained()?;
    let config = ReportConfig::with(|it| it.title = "<b>Pumps</b> & \"valves\"".into());
    let report = Report::new(&detector, &series, &config)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("report.html");
    report.html(&path)?;
    let page = open(&path, chromium)?;
    page.screenshot("light")?;

    assert_eq!(page.value("document.title")?, config.title.as_str(), "escaped and whole");
    assert_eq!(page.value("performance.getEntriesByType('resource').length")?, 0);
    let plots = page.number("document.querySelectorAll('.js-plotly-plot').length")?;
    assert_eq!(plots, 9.0, "series, histogram, two curves, latent space, four of training");

    // Choosing channels.
    assert_eq!(page.value(DRAWN)?.as_array().map(Vec::len), Some(4));
    page.click("#channels input:checked")?;
    assert_eq!(page.value(DRAWN)?.as_array().map(Vec::len), Some(3));
    page.tab.evaluate("const f = document.getElementById('find'); f.value = 'ZZZ'; f.dispatchEvent(new Event('input'))", false)?;
    let listed = "[...document.querySelectorAll('#channels label')].filter(l => !l.hidden).length";
    assert_eq!(page.value(listed)?, 0);

    // The scale of scores, and the theme.
    page.click("#log")?;
    assert_eq!(page.value("document.getElementById('series').layout.yaxis2.type")?, "log");
    page.click("#log")?;
    let theme = "document.documentElement.dataset.theme";
    assert_eq!(page.value(theme)?, "light");
    page.click("#theme")?;
    assert_eq!(page.value(theme)?, "dark");
    page.screenshot("dark")?;

    // An alarm is shown with its channels; the whole series comes back.
    let whole = page.value(RANGE)?;
    assert_eq!(whole[0].as_f64(), Some(FIRST as f64));
    let listed = report.alarms().iter();
    let alarm = listed.min_by_key(|it| it.alarm.interval.start).ok_or("no alarm")?;
    page.click("#alarms tr[tabindex]")?;
    let near = page.value(RANGE)?;
    let begin = alarm.alarm.interval.start.saturating_sub(16) as i64;
    assert_eq!(near[0].as_f64(), Some((FIRST + MINUTE * begin) as f64));
    let mut contributing: Vec<&str> =
        alarm.contributions.iter().take(3).map(|b| &*b.channel).collect();
    contributing.sort_by_key(|name| series.channels().iter().position(|channel| channel == name));
    assert_eq!(page.value(DRAWN)?, serde_json::json!(contributing));
    page.screenshot("alarm")?;
    page.click("#reset")?;
    assert_eq!(page.value(RANGE)?, whole);

    // Zooming as the mouse does: Plotly tells dates as text.
    page.tab.evaluate(
        "Plotly.relayout('series', {'xaxis.range': ['2026-01-01 01:00', '2026-01-01 02:00:30.5']})",
        true,
    )?;
    let hour = 60 * MINUTE;
    let zoomed = serde_json::json!([FIRST + hour, FIRST + 2 * hour + 30_500]);
    assert_eq!(page.value(RANGE)?, zoomed);
    let points = page
        .number("document.getElementById('series').data.find(t => t.name === 'score').x.length")?;
    assert!((60.0..=64.0).contains(&points), "an hour of minutes, got {points}");

    // Paper is white.
    page.tab.evaluate("window.dispatchEvent(new Event('beforeprint'))", false)?;
    assert_eq!(page.value(theme)?, "light");
    page.tab.evaluate("window.dispatchEvent(new Event('afterprint'))", false)?;
    assert_eq!(page.value(theme)?, "dark");
    assert!(page.tab.print_to_pdf(None)?.len() > 10_000);

    let said = page.said.lock().map_err(|error| error.to_string())?;
    assert!(said.is_empty(), "the console has {said:?}");
    Ok(())
}
