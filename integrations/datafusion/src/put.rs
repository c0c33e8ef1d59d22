use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use aster::Detector;
use datafusion::common::cast::as_binary_array;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::detectors::Detectors;
use crate::error::SqlError;

const NAME: &str = "aster_put";

/// Scalar function `aster_put(url, detector)`.
#[derive(Debug)]
pub(crate) struct Put {
    detectors: Arc<Detectors>,
    signature: Signature,
}

impl PartialEq for Put {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.detectors, &other.detectors)
    }
}

impl Eq for Put {}

impl Hash for Put {
    fn hash<H: Hasher>(&self, state: &mut H) {
        NAME.hash(state);
    }
}

impl Put {
    pub(crate) fn new(detectors: Arc<Detectors>) -> Self {
        let kinds = vec![DataType::Utf8, DataType::Binary];
        // It writes: no call may be left out, or made once for many rows.
        Self { detectors, signature: Signature::exact(kinds, Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for Put {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&args.args)?;
        let [urls, detectors] = &arrays[..] else {
            let (expected, got) = ("a URL and a detector", format!("{} arguments", arrays.len()));
            return Err(
                SqlError::Argument { function: NAME, expected: expected.into(), got }.into()
            );
        };
        let put = |(url, bytes): (Option<&str>, Option<&[u8]>)| {
            let (Some(url), Some(bytes)) = (url, bytes) else { return Ok(None) };
            // What is no detector shall not take the place of one.
            let detector = Detector::from_bytes(bytes, self.detectors.device());
            let detector = detector.map_err(|source| SqlError::Detector {
                url: url.into(),
                fingerprint: None,
                source: source.into(),
            })?;
            self.detectors.put(url, bytes)?;
            Ok(Some(detector.fingerprint().to_owned()))
        };
        let rows = urls.as_string::<i32>().iter().zip(as_binary_array(detectors)?.iter());
        let fingerprints = rows.map(put).collect::<Result<StringArray, SqlError>>()?;
        Ok(ColumnarValue::Array(Arc::new(fingerprints)))
    }
}
