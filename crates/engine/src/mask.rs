//! Takes secrets out of a stream of bytes.

use std::sync::Arc;

/// What to mask: the secrets in every form that they are likely to be printed in.
#[derive(Debug)]
pub(crate) struct MaskSet {}

impl MaskSet {
    /// A set of these secrets. Values of fewer than four bytes are left out.
    pub(crate) fn new(values: impl IntoIterator<Item = impl AsRef<str>>) -> MaskSet {
        let _ = values
            .into_iter()
            .map(|value| value.as_ref().len())
            .sum::<usize>();
        MaskSet {}
    }

    /// The text with `***` for each secret.
    pub(crate) fn text(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// Masks one stream.
#[derive(Debug)]
pub(crate) struct Masker {
    _set: Arc<MaskSet>,
}

impl Masker {
    /// A masker at the start of a stream.
    pub(crate) fn new(set: Arc<MaskSet>) -> Masker {
        Masker { _set: set }
    }

    /// Takes the next bytes, and adds to `out` all that cannot be the beginning of a secret.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(input);
    }

    /// The stream has ended: adds what was held back.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }
}
