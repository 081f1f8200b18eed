//! Whatever the bytes: a checkpoint or an error of one line, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use wkv7_core::Bytes;
use wkv7_formats::state_file::StateFile;
use wkv7_formats::{Checkpoint, from_bytes};

use crate::toy;
use crate::write::{rwkv_cpp, rwkv_cpp_toys, safetensors};
use crate::write_pth::pth;

fn survive(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let state = StateFile::from_bytes(&bytes).map(|_| ()).map_err(|problem| problem.to_string());
    let model = from_bytes("any", Bytes::from(bytes)).and_then(Checkpoint::weights);
    let model = model.map(|_| ()).map_err(|error| error.to_string());
    for message in [state, model].into_iter().filter_map(Result::err) {
        prop_assert!(!message.contains('\n'), "{}", message);
    }
    Ok(())
}

/// The beginnings that lead into each reader.
const MAGICS: [&[u8]; 7] = [
    b"",
    b"PK\x03\x04",
    b"fmgg\x65\0\0\0\x0a\0\0\0\x08\0\0\0\x02\0\0\0\0\0\0\0",
    b"\x40\0\0\0\0\0\0\0{",
    b"\x40\0\0\0\0\0\0\0{\"x\":{\"dtype\":\"F32\",\"shape\":[",
    b"\x80\x02",
    b"{",
];

/// Bytes that a pickle is made of, so that random ones get somewhere.
fn opcode() -> impl Strategy<Value = u8> {
    prop_oneof![
        proptest::sample::select(b"().NKMJGX]}teasuqrhjcQRb\x80\x85\x86\x87\x88\x89\x8a".to_vec()),
        any::<u8>()
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bytes_behind_each_magic(magic in 0..MAGICS.len(), bytes in vec(any::<u8>(), 0..600)) {
        survive([MAGICS[magic], &bytes].concat())?;
    }

    #[test]
    fn pickles_of_any_opcodes(code in vec(opcode(), 0..200)) {
        survive(crate::write_pth::archive(&[b"\x80\x02".as_slice(), &code].concat(), &[vec![0; 64]]))?;
    }

    #[test]
    fn good_files_changed_in_places(
        kind in 0..3usize,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = match kind {
            0 => safetensors(&toy::model()),
            1 => pth(&toy::model()),
            _ => rwkv_cpp(&rwkv_cpp_toys()),
        };
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        survive(bytes)?;
    }
}
