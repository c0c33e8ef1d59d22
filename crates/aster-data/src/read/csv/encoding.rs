use std::path::Path;

use aster_base::SettingError;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use rayon::prelude::*;

use crate::error::DataError;

/// Decodes a file to UTF-8, without a byte-order mark; tells its encoding.
pub(crate) fn decode(
    path: &Path,
    bytes: Vec<u8>,
    label: Option<&str>,
) -> Result<(Vec<u8>, &'static str), DataError> {
    // Most files are plain ASCII, which can be told part by part.
    let is_ascii = bytes.par_chunks(1 << 20).all(<[u8]>::is_ascii);
    let is_utf8 = is_ascii || std::str::from_utf8(&bytes).is_ok();
    let unknown = |label| SettingError::new("csv.encoding", "a label of an encoding", label);
    let encoding = match label {
        Some(label) => Encoding::for_label(label.as_bytes()).ok_or_else(|| unknown(label))?,
        None => match Encoding::for_bom(&bytes) {
            Some((encoding, _)) => encoding,
            None if is_utf8 && !wide(&bytes, 1) && !wide(&bytes, 0) => UTF_8,
            None if wide(&bytes, 1) => UTF_16LE,
            None if wide(&bytes, 0) => UTF_16BE,
            None => WINDOWS_1252,
        },
    };
    if encoding == UTF_8 && is_utf8 {
        let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut bytes = bytes;
        bytes.drain(..mark);
        return Ok((bytes, encoding.name()));
    }
    let (text, _, malformed) = encoding.decode(&bytes);
    match malformed {
        true => Err(DataError::Encoding { path: path.into(), encoding: encoding.name() }),
        false => Ok((text.into_owned().into_bytes(), encoding.name())),
    }
}

/// Tells UTF-16 of Latin text: every other byte at the beginning, from the first or the second on, is 0.
fn wide(bytes: &[u8], from: usize) -> bool {
    let sample = &bytes[..bytes.len().min(512)];
    let zeros = sample.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    sample.len() >= 4 && zeros * 4 >= sample.len() / 2 * 3
}
