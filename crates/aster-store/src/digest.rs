use std::io::Read;

use sha2::{Digest, Sha256};

/// Length and SHA-256 of what is read.
pub fn digest(mut from: impl Read) -> std::io::Result<(u64, String)> {
    let mut digest = Sha256::new();
    let bytes = std::io::copy(&mut from, &mut digest)?;
    Ok((bytes, format!("{:x}", digest.finalize())))
}

/// SHA-256 of bytes, one part after the other.
pub fn digest_of(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    format!("{:x}", digest.finalize())
}
