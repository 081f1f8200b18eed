//! Zip archives as torch writes them: members stored as they are, their data at multiples of 64 bytes, checksums
//! behind the data (so that it can be streamed), and zip64 fields where a size or a place needs them.
//!
//! Nothing here does the writing: each function gives the bytes that come next.

/// Where the data of a member begins.
const ALIGNMENT: u64 = 64;
/// Sizes and checksum stand behind the data; names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
const NEEDED: u16 = 20;
const NEEDED_WIDE: u16 = 45; // zip64

/// An archive being written.
pub(crate) struct ZipWriter {
    directory: Vec<u8>,
    members: u64,
    open: Option<Member>,
    /// Numbers from here on do not fit a narrow field.
    wide_from: u64,
}

struct Member {
    name: String,
    at: u64,
    size: u64,
    crc: Crc,
}

impl Default for ZipWriter {
    fn default() -> Self {
        Self { directory: Vec::new(), members: 0, open: None, wide_from: u64::from(u32::MAX) }
    }
}

impl ZipWriter {
    /// What stands before the data of a member of `size` bytes, written at `at`.
    pub(crate) fn open(&mut self, name: &str, size: u64, at: u64) -> Vec<u8> {
        let wide = size >= self.wide_from;
        let mut extra = Vec::new();
        if wide {
            extra.extend([1u16, 16].map(u16::to_le_bytes).concat());
            extra.extend([size, size].map(u64::to_le_bytes).concat());
        }
        let behind = at + 30 + (name.len() + extra.len() + 4) as u64;
        let padding = (behind.next_multiple_of(ALIGNMENT) - behind) as usize;
        extra.extend(b"FB");
        extra.extend((padding as u16).to_le_bytes());
        extra.resize(extra.len() + padding, b'Z');
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.extend([if wide { NEEDED_WIDE } else { NEEDED }, FLAGS].map(u16::to_le_bytes).concat());
        bytes.extend([0; 10]); // stored; no time, date, checksum yet
        bytes.extend([if wide { u32::MAX } else { 0 }; 2].map(u32::to_le_bytes).concat());
        bytes.extend([name.len() as u16, extra.len() as u16].map(u16::to_le_bytes).concat());
        bytes.extend(name.as_bytes());
        bytes.extend(extra);
        self.open = Some(Member { name: name.to_owned(), at, size, crc: Crc::default() });
        bytes
    }

    /// Takes notice of data that is being written.
    pub(crate) fn data(&mut self, bytes: &[u8]) {
        if let Some(member) = &mut self.open {
            member.crc.add(bytes);
        }
    }

    /// What stands behind the data.
    pub(crate) fn close(&mut self) -> Vec<u8> {
        let Some(Member { name, at, size, crc }) = self.open.take() else { return Vec::new() };
        let crc = crc.value().to_le_bytes();
        let (wide, far) = (size >= self.wide_from, at >= self.wide_from);
        let narrow = |value: u64, wide: bool| if wide { u32::MAX } else { value as u32 }.to_le_bytes();
        let mut extra = Vec::new();
        if wide {
            extra.extend([size, size].map(u64::to_le_bytes).concat());
        }
        if far {
            extra.extend(at.to_le_bytes());
        }
        if !extra.is_empty() {
            extra.splice(0..0, [1u16, extra.len() as u16].map(u16::to_le_bytes).concat());
        }
        let needed = if wide || far { NEEDED_WIDE } else { NEEDED };
        let directory = &mut self.directory;
        directory.extend(b"PK\x01\x02");
        directory.extend([needed, needed, FLAGS, 0, 0, 0].map(u16::to_le_bytes).concat());
        directory.extend(crc);
        directory.extend([narrow(size, wide), narrow(size, wide)].concat());
        directory.extend([name.len() as u16, extra.len() as u16].map(u16::to_le_bytes).concat());
        directory.extend([0; 10]); // no comment, first disk, no attributes
        directory.extend(narrow(at, far));
        directory.extend(name.as_bytes());
        directory.extend(extra);
        self.members += 1;
        let mut bytes = b"PK\x07\x08".to_vec();
        bytes.extend(crc);
        match wide {
            true => bytes.extend([size, size].map(u64::to_le_bytes).concat()),
            false => bytes.extend([narrow(size, false), narrow(size, false)].concat()),
        }
        bytes
    }

    /// What ends the archive, written at `at`.
    pub(crate) fn end(self, at: u64) -> Vec<u8> {
        let (members, size) = (self.members, self.directory.len() as u64);
        let wide = at >= self.wide_from || members >= u64::from(u16::MAX) || self.wide_from == 0;
        let mut bytes = self.directory;
        if wide {
            let record = at + size;
            bytes.extend(b"PK\x06\x06");
            bytes.extend(44u64.to_le_bytes());
            bytes.extend([NEEDED_WIDE; 2].map(u16::to_le_bytes).concat());
            bytes.extend([0; 8]); // first disk
            bytes.extend([members, members, size, at].map(u64::to_le_bytes).concat());
            bytes.extend(b"PK\x06\x07\0\0\0\0");
            bytes.extend(record.to_le_bytes());
            bytes.extend(1u32.to_le_bytes());
        }
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        if wide {
            bytes.extend([0xff; 12]);
        } else {
            bytes.extend([members as u16; 2].map(u16::to_le_bytes).concat());
            bytes.extend([size as u32, at as u32].map(u32::to_le_bytes).concat());
        }
        bytes.extend([0, 0]);
        bytes
    }
}

/// The checksum of zip archives: CRC-32, eight bytes at a time.
struct Crc(u32);

impl Default for Crc {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

/// `TABLES[n][byte]`: what `byte` becomes `n` bytes further on.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut n = 1;
    while n < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = tables[n - 1][byte];
            tables[n][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        n += 1;
    }
    tables
};

impl Crc {
    fn add(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            let mut crc = 0;
            for (n, byte) in eight.iter().enumerate() {
                let old = if n < 4 { self.0.to_le_bytes()[n] } else { 0 };
                crc ^= TABLES[7 - n][usize::from(byte ^ old)];
            }
            self.0 = crc;
        }
        for byte in rest {
            self.0 = self.0 >> 8 ^ TABLES[0][usize::from(byte ^ self.0 as u8)];
        }
    }

    fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use wkv7_core::Bytes;

    use super::*;
    use crate::pth::zip::Archive;

    #[test]
    fn the_published_checksum() {
        for split in 0..9 {
            let mut crc = Crc::default();
            crc.add(&b"123456789"[..split]);
            crc.add(&b"123456789"[split..]);
            assert_eq!(crc.value(), 0xCBF4_3926);
        }
    }

    /// An archive of three members whose numbers are wide from `wide_from` on.
    fn archive(wide_from: u64) -> Vec<u8> {
        let mut zip = ZipWriter { wide_from, ..ZipWriter::default() };
        let mut bytes = Vec::new();
        for (name, data) in [("a/one", vec![1; 100]), ("a/two", vec![2; 7]), ("a/three", Vec::new())] {
            bytes.extend(zip.open(name, data.len() as u64, bytes.len() as u64));
            assert_eq!(bytes.len() % 64, 0, "{name}");
            zip.data(&data);
            bytes.extend(data);
            bytes.extend(zip.close());
        }
        let at = bytes.len() as u64;
        bytes.extend(zip.end(at));
        bytes
    }

    #[test]
    fn members_are_found_again_in_narrow_and_in_wide_archives() {
        for wide_from in [u64::from(u32::MAX), 200, 50, 0] {
            let bytes = Bytes::from(archive(wide_from));
            let archive = Archive::read(&bytes).expect("sound");
            assert_eq!(archive.names().count(), 3);
            let member = |name| &bytes.as_slice()[archive.member(name).expect("there")];
            assert_eq!(member("a/one"), [1; 100]);
            assert_eq!(member("a/two"), [2; 7]);
            assert_eq!(member("a/three"), [0; 0]);
        }
    }
}
