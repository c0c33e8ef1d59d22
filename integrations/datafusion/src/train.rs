use std::hash::{Hash, Hasher};
use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, StructArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use aster::data::MissingPolicy;
use aster::{AsterConfig, Device, TrainError};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use datafusion::physical_plan::expressions::Literal;
use parking_lot::Mutex;

use crate::error::SqlError;
use crate::series::{check_channel, series, table};

const NAME: &str = "aster_train";

/// Aggregate function `aster_train(config, time, channels...)`.
#[derive(Debug)]
pub(crate) struct Train {
    device: Device,
    missing: MissingPolicy,
    signature: Signature,
}

impl PartialEq for Train {
    fn eq(&self, other: &Self) -> bool {
        self.device == other.device && self.missing == other.missing
    }
}

impl Eq for Train {}

impl Hash for Train {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NAME.hash(state);
    }
}

impl Train {
    pub(crate) fn new(device: Device, missing: MissingPolicy) -> Self {
        // The result may differ from call to call only as devices round.
        Self { device, missing, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Train {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        let [_, time, channels @ ..] = kinds else { return Err(too_few(kinds.len()).into()) };
        if channels.is_empty() {
            return Err(too_few(kinds.len()).into());
        }
        if !(time.is_temporal() || time.is_integer()) {
            let (expected, got) = ("times or whole numbers as time".into(), time.to_string());
            return Err(SqlError::Argument { function: NAME, expected, got }.into());
        }
        channels.iter().try_for_each(|kind| check_channel(NAME, kind))?;
        let kinds = [time].into_iter().chain(channels).cloned();
        Ok([DataType::Utf8].into_iter().chain(kinds).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let config = Field::new(format_state_name(args.name, "config"), DataType::Utf8, true);
        let item = Field::new_list_field(DataType::Struct(columns(args.input_fields)), true);
        let rows = Field::new_list(format_state_name(args.name, "rows"), item, true);
        Ok(vec![Arc::new(config), Arc::new(rows)])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct || !args.order_bys.is_empty() {
            let expected =
                "neither DISTINCT nor ORDER BY, as rows are ordered by their time".into();
            let got = "one of them".into();
            return Err(SqlError::Argument { function: NAME, expected, got }.into());
        }
        let literal = args.exprs.first().and_then(|it| it.downcast_ref::<Literal>());
        // Before it costs anything, where it is known.
        if let Some(ScalarValue::Utf8(Some(text))) = literal.map(Literal::value) {
            config(text)?;
        }
        let fields = columns(args.expr_fields);
        Ok(Box::new(Group {
            device: self.device.clone(),
            missing: self.missing,
            config: None,
            schema: Arc::new(Schema::new(fields)),
            batches: vec![],
        }))
    }
}

fn too_few(got: usize) -> SqlError {
    let expected = "a config, a column of times and at least one channel".into();
    SqlError::Argument { function: NAME, expected, got: format!("{got} arguments") }
}

/// Time and channels, of which any may have gaps.
fn columns(arguments: &[FieldRef]) -> Fields {
    let fields = arguments.iter().skip(1);
    fields.map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect()
}

/// A config from its JSON, or the name of a preset.
fn config(text: &str) -> Result<AsterConfig> {
    let config = match text {
        "default" => Ok(AsterConfig::default()),
        "real_time" => Ok(AsterConfig::real_time()),
        "paper" => Ok(AsterConfig::paper()),
        json => serde_json::from_str(json),
    };
    let wrong = |got: String| {
        let expected = "a config as JSON, \"default\", \"real_time\" or \"paper\"".into();
        DataFusionError::from(SqlError::Argument { function: NAME, expected, got })
    };
    let config = config.map_err(|error| wrong(format!("{text:?}: {error}")))?;
    config.check().map_err(|error| wrong(error.to_string()))?;
    Ok(config)
}

/// Rows of a group, until there are all of them.
#[derive(Debug)]
struct Group {
    device: Device,
    missing: MissingPolicy,
    config: Option<String>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Accumulator for Group {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [configs, columns @ ..] = values else { return Err(too_few(values.len()).into()) };
        self.take_config(configs.as_string::<i32>())?;
        if !configs.is_empty() {
            self.batches.push(table(self.schema.fields(), columns)?);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [configs, rows] = states else { return Err(too_few(states.len()).into()) };
        self.take_config(configs.as_string::<i32>())?;
        for rows in rows.as_list::<i32>().iter().flatten() {
            let columns = rows.as_struct().columns();
            self.batches.push(table(self.schema.fields(), columns)?);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let batch = concat_batches(&self.schema, &self.batches)?;
        let rows = Arc::new(StructArray::from(batch));
        let rows = SingleRowListArrayBuilder::new(rows).with_nullable(true).build_list_scalar();
        Ok(vec![ScalarValue::Utf8(self.config.clone()), rows])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Some(text) = &self.config else { return Ok(ScalarValue::Binary(None)) };
        let config = config(text)?;
        let batch = concat_batches(&self.schema, &self.batches)?;
        let failed = |source: TrainError| SqlError::Train { function: NAME, source: source.into() };
        let time = self.schema.field(0).name();
        let series = series(&batch, Some(time), self.missing);
        let series = series.map_err(|error| failed(error.into()))?.into_train();
        // Burn's random numbers are one state of the process: trainings side by side would draw each
        // other's, and no detector would be that of its seed.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let guard = ONE_AT_A_TIME.lock();
        let detector = aster::fit(&config, &series, &self.device).map_err(failed)?;
        drop(guard);
        let bytes = detector.to_bytes().map_err(|error| failed(error.into()))?;
        Ok(ScalarValue::Binary(Some(bytes)))
    }

    fn size(&self) -> usize {
        // Batches of many groups are slices of one, which each of them would count.
        let columns = self.batches.iter().flat_map(RecordBatch::columns);
        let bytes = columns.map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
        size_of_val(self) + bytes.sum::<usize>()
    }
}

impl Group {
    /// Takes the config of rows, which is one for all of a group.
    fn take_config(&mut self, configs: &StringArray) -> Result<()> {
        for config in configs.iter().flatten() {
            let known = self.config.get_or_insert_with(|| config.into());
            if known != config {
                let (expected, got) =
                    ("one config for a group", format!("{known:?} and {config:?}"));
                let expected = expected.into();
                return Err(SqlError::Argument { function: NAME, expected, got }.into());
            }
        }
        Ok(())
    }
}
