//! [`Mark`]: what a blob says of how it was made, so that the next run need not make it again.
//!
//! A hint where to look, never a proof: `reuse` compares before a marked blob is used.

/// Raised whenever the same content and level would give other bytes.
pub const ENGINE: u8 = 1;
/// Name of the subfield of gzip's extra field (RFC 1952, 2.3.1.1); no known one is called so.
const SUBFIELD: [u8; 2] = *b"Ap";
/// Engine, level, length.
const PAYLOAD: usize = 10;
/// [`PAYLOAD`] as the subfield has it.
const PAYLOAD_LEN: u16 = 10;
/// Little-endian magic of a skippable frame (RFC 8878, 3.1.2).
const SKIPPABLE: [u8; 4] = [0x5e, 0x2a, 0x4d, 0x18];
/// What the payload of the frame begins with.
const FRAME_NAME: &[u8] = b"airpack";
/// Length of name and payload as the frame has it.
const FRAME_LEN: u32 = 17;

/// The level a blob was compressed at, and how long its content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Compression level.
    pub level: u8,
    /// Bytes of the uncompressed content.
    pub total: u64,
}

impl Mark {
    /// Bytes that a blob must give for its mark to be seen: from its begin (gzip) or its end (zstd).
    pub(super) const GZIP_LEN: usize = 10 + 2 + 4 + PAYLOAD;
    pub(super) const ZSTD_LEN: usize = 8 + FRAME_NAME.len() + PAYLOAD;

    fn payload(self) -> [u8; PAYLOAD] {
        let mut payload = [0; PAYLOAD];
        payload[0] = ENGINE;
        payload[1] = self.level;
        payload[2..].copy_from_slice(&self.total.to_le_bytes());
        payload
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let [ENGINE, level, total @ ..] = payload else {
            return None;
        };
        Some(Self {
            level: *level,
            total: u64::from_le_bytes(total.try_into().ok()?),
        })
    }

    /// XLEN and the one subfield.
    pub(super) fn gzip_extra(self) -> Vec<u8> {
        let field_len = (4 + PAYLOAD_LEN).to_le_bytes();
        [&field_len[..], &SUBFIELD, &PAYLOAD_LEN.to_le_bytes(), &self.payload()].concat()
    }

    /// A frame that holds nothing but the mark.
    pub(super) fn zstd_frame(self) -> Vec<u8> {
        [&SKIPPABLE[..], &FRAME_LEN.to_le_bytes(), FRAME_NAME, &self.payload()].concat()
    }

    /// The mark at the begin of a gzip blob.
    pub(super) fn in_gzip_head(head: &[u8]) -> Option<Self> {
        let payload = head
            .get(..Self::GZIP_LEN)?
            .strip_prefix(&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255])?;
        let mark = Self::from_payload(&payload[6..])?;
        (mark.gzip_extra() == payload).then_some(mark)
    }

    /// The mark at the end of a zstd blob.
    pub(super) fn in_zstd_tail(tail: &[u8]) -> Option<Self> {
        let frame = &tail[tail.len().checked_sub(Self::ZSTD_LEN)?..];
        let mark = Self::from_payload(&frame[8 + FRAME_NAME.len()..])?;
        (mark.zstd_frame() == frame).then_some(mark)
    }
}
