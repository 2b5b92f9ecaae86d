//! Passes quickly over bytes with which no secret begins.

/// How many bytes are looked at together; no form is shorter.
const LENGTH: usize = super::MIN_BYTES;
const _: () = assert!(LENGTH == size_of::<u32>());

/// The size of the table in bits, as a power of two: 4 KiB, which stays in the first cache.
const BITS: u32 = 15;

/// The first four bytes of every form, in a small table that may say yes too often and never says no wrongly.
pub(super) struct Grams {
    table: Box<[u64; 1 << (BITS - 6)]>,
}

impl Grams {
    /// The beginnings of these forms.
    pub(super) fn new(forms: &[Vec<u8>]) -> Self {
        let mut table = Box::new([0; 1 << (BITS - 6)]);
        for form in forms {
            if let Some(gram) = form.first_chunk() {
                let slot = slot(*gram);
                table[slot >> 6] |= 1 << (slot & 63);
            }
        }
        Self { table }
    }

    /// How many bytes can be passed over: no form begins in them.
    pub(super) fn skip(&self, bytes: &[u8]) -> usize {
        bytes
            .windows(LENGTH)
            .position(|gram| {
                gram.first_chunk().is_some_and(|gram| {
                    let slot = slot(*gram);
                    self.table[slot >> 6] >> (slot & 63) & 1 == 1
                })
            })
            // A form can begin in the last bytes and go on in what comes next.
            .unwrap_or(bytes.len().saturating_sub(LENGTH - 1))
    }
}

fn slot(gram: [u8; LENGTH]) -> usize {
    let hash = u32::from_le_bytes(gram).wrapping_mul(0x9e37_79b1);
    (hash >> (u32::BITS - BITS)) as usize
}
