//! Numbers as bytes.

/// Little-endian bytes.
pub(crate) fn to_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Finite numbers of little-endian bytes, at least one; none where they are something else.
pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let (words, rest) = bytes.as_chunks();
    let numbers: Vec<f32> = words.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let sound = !numbers.is_empty() && rest.is_empty() && numbers.iter().all(|it| it.is_finite());
    sound.then_some(numbers)
}
