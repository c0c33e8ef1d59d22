use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{
    ArrayRef, BooleanBuilder, Float32Array, Float64Builder, StringBuilder, StructArray,
    UInt64Builder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use aster::data::MissingPolicy;
use aster::{Detection, Detector};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{PartitionEvaluator, Signature, Volatility, WindowUDFImpl};

use crate::detectors::{Detectors, unfit};
use crate::error::SqlError;
use crate::series::{check_channel, series, table};

const NAME: &str = "aster_score";

/// Window function `aster_score(detector, channels...)`.
#[derive(Debug)]
pub(crate) struct Score {
    detectors: Arc<Detectors>,
    missing: MissingPolicy,
    signature: Signature,
}

// DataFusion tells functions apart by name; there is one of this name in a session.
impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.detectors, &other.detectors) && self.missing == other.missing
    }
}

impl Eq for Score {}

impl Hash for Score {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NAME.hash(state);
    }
}

impl Score {
    pub(crate) fn new(detectors: Arc<Detectors>, missing: MissingPolicy) -> Self {
        let signature = Signature::user_defined(Volatility::Stable);
        Self { detectors, missing, signature }
    }
}

/// What is said of each row.
fn fields() -> Fields {
    Fields::from(vec![
        Field::new("score", DataType::Float32, false),
        Field::new("threshold", DataType::Float32, false),
        Field::new("alarm", DataType::Boolean, false),
        Field::new("number", DataType::UInt64, true),
        Field::new("severity", DataType::Float64, true),
        Field::new("channel", DataType::Utf8, true),
    ])
}

impl WindowUDFImpl for Score {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        let [_, channels @ ..] = kinds else { return Err(too_few(kinds.len()).into()) };
        if channels.is_empty() {
            return Err(too_few(kinds.len()).into());
        }
        channels.iter().try_for_each(|kind| check_channel(NAME, kind))?;
        Ok([DataType::Utf8].into_iter().chain(channels.iter().cloned()).collect())
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Struct(fields()), false)))
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        let [_, channels @ ..] = args.input_fields() else { return Err(too_few(0).into()) };
        let (detectors, channels) = (self.detectors.clone(), channels.to_vec());
        Ok(Box::new(Partition { detectors, channels, missing: self.missing, scored: None }))
    }
}

fn too_few(got: usize) -> SqlError {
    let (expected, got) = ("a detector and at least one column".into(), format!("{got} arguments"));
    SqlError::Argument { function: NAME, expected, got }
}

/// Evaluator of one series, which is scored as a whole when its last row is there.
#[derive(Debug)]
struct Partition {
    detectors: Arc<Detectors>,
    channels: Vec<FieldRef>,
    missing: MissingPolicy,
    scored: Option<StructArray>,
}

impl PartitionEvaluator for Partition {
    // By these DataFusion keeps the rows of one series, not those of a whole task, and asks for
    // the first result when the series is over.
    fn supports_bounded_execution(&self) -> bool {
        true
    }

    fn uses_window_frame(&self) -> bool {
        false
    }

    fn get_range(&self, row: usize, rows: usize) -> Result<Range<usize>> {
        Ok(row..rows)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let scored = match self.scored.take() {
            Some(scored) => scored,
            None => self.score(values)?,
        };
        let row = scored.slice(range.start, 1);
        self.scored = Some(scored);
        Ok(ScalarValue::Struct(Arc::new(row)))
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], _: usize) -> Result<ArrayRef> {
        Ok(Arc::new(self.score(values)?))
    }
}

impl Partition {
    fn score(&self, values: &[ArrayRef]) -> Result<StructArray> {
        let [urls, columns @ ..] = values else { return Err(too_few(values.len()).into()) };
        let url = one_of(urls)?;
        let detector = self.detectors.get(&url)?;
        let series = series(&table(&self.channels, columns)?, None, self.missing)
            .map_err(|error| unfit(&url, &detector)(error.into()))?;
        let detection = detector.detect(&series).map_err(unfit(&url, &detector))?;
        rows(&detection, &detector)
    }
}

/// The detector's URL, which is one for all rows of a series.
fn one_of(urls: &ArrayRef) -> Result<String> {
    let mut texts = urls.as_string::<i32>().iter();
    let first = texts.next().flatten();
    let other = texts.find(|text| *text != first);
    match (first, other) {
        (Some(first), None) => Ok(first.into()),
        (first, other) => {
            let expected = "one detector for all rows of a series".into();
            let got = match other {
                Some(other) => format!("{first:?} and {other:?}"),
                None => "none".into(),
            };
            Err(SqlError::Argument { function: NAME, expected, got }.into())
        }
    }
}

/// A row for each row of a series.
fn rows(detection: &Detection, detector: &Detector) -> Result<StructArray> {
    let rows = detection.scores.len();
    let mut alarm = BooleanBuilder::with_capacity(rows);
    let mut number = UInt64Builder::with_capacity(rows);
    let mut severity = Float64Builder::with_capacity(rows);
    let mut channel = StringBuilder::with_capacity(rows, 8 * detector.channels().len());
    let mut alarms = detection.alarms.iter().peekable();
    for row in 0..rows {
        while alarms.next_if(|alarm| alarm.rows().end <= row).is_some() {}
        let of_row = alarms.peek().filter(|alarm| alarm.rows().contains(&row));
        alarm.append_value(of_row.is_some());
        number.append_option(of_row.map(|alarm| alarm.number));
        severity.append_option(of_row.map(|alarm| alarm.severity));
        let reason = of_row.and_then(|alarm| alarm.reasons.first());
        channel.append_option(reason.map(|reason| reason.channel.as_str()));
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float32Array::from(detection.scores.clone())),
        Arc::new(Float32Array::from(detection.thresholds.clone())),
        Arc::new(alarm.finish()),
        Arc::new(number.finish()),
        Arc::new(severity.finish()),
        Arc::new(channel.finish()),
    ];
    Ok(StructArray::try_new(fields(), columns, None)?)
}
