//! Segments as bytes: one zstd frame each.

use std::io;

use bytes::Bytes;

/// Fast and good enough: log text shrinks to a tenth at any level.
const LEVEL: i32 = 1;

/// Compresses `raw` into one frame.
pub(super) fn encode(raw: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(raw, LEVEL)
}

/// Decompresses a frame that holds exactly `n_bytes`.
pub(super) fn decode(frame: &[u8], n_bytes: u64) -> io::Result<Bytes> {
    let capacity = usize::try_from(n_bytes).map_err(io::Error::other)?;
    let raw = zstd::bulk::decompress(frame, capacity)?;
    if raw.len() != capacity {
        return Err(io::Error::other(format!(
            "expected {capacity} bytes, found {}",
            raw.len()
        )));
    }
    Ok(raw.into())
}

/// The number of newlines in `raw`.
pub(super) fn n_lines(raw: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', raw).count() as u64
}
