//! What every refusal must be: an error, one line, with the file's name and the words of the case, soon.

use std::time::{Duration, Instant};

use wkv7_core::Bytes;
use wkv7_formats::{Checkpoint, Error, from_bytes};
use wkv7_testkit::hostile::{self, Case};

use crate::toy;
use crate::write::{rwkv_cpp, rwkv_cpp_toys, safetensors};
use crate::write_pth::{Zip, archive_in, pth};

/// The longest that a refusal may take.
const SOON: Duration = Duration::from_secs(2);
/// The longest message; a line of several quoted names.
const LINE: usize = 1_000;

/// Opens every case and checks how it is refused.
pub fn refuse(cases: Vec<Case>) {
    for Case { name, bytes, words } in cases {
        refused(name, words, || from_bytes("broken-file", Bytes::from(bytes)).and_then(Checkpoint::weights));
    }
}

/// Checks how `open` is refused; the file must be called `broken-file`.
pub fn refused<T>(name: &str, words: &[&str], open: impl FnOnce() -> Result<T, Error>) {
    let start = Instant::now();
    let result = open();
    let took = start.elapsed();
    let Err(error) = result else { panic!("{name}: opened") };
    let message = error.to_string();
    assert!(took < SOON, "{name}: {took:?}, {message}");
    assert!(!message.contains('\n') && message.len() < LINE, "{name}: not a line: {message}");
    for word in ["broken-file"].iter().chain(words) {
        assert!(message.contains(word), "{name}: no `{word}` in: {message}");
    }
}

/// Places in a file of `len` bytes: all near its ends, every seventh in between.
fn places(len: usize) -> impl Iterator<Item = usize> {
    (0..len).filter(move |&at| at % 7 == 0 || at < 300 || len - at < 300)
}

/// The beginnings of a good file are refused, wherever it is cut.
pub fn refuse_every_cut(good: &[u8]) {
    for end in places(good.len()) {
        refused(&format!("cut at {end}"), &[], || {
            from_bytes("broken-file", Bytes::from(good[..end].to_vec())).and_then(Checkpoint::weights)
        });
    }
}

/// Any single wrong byte gives a model or an error of one line, never a panic.
pub fn survive_every_byte(good: &[u8]) {
    for at in places(good.len()) {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = good.to_vec();
            bytes[at] ^= change;
            if let Err(error) = from_bytes("broken-file", Bytes::from(bytes)).and_then(Checkpoint::weights) {
                let message = error.to_string();
                assert!(!message.contains('\n') && message.len() < LINE, "byte {at}: {message}");
            }
        }
    }
}

#[test]
fn torch_archives() {
    refuse(hostile::pth::containers_that_lie());
    refuse(hostile::pth::pickles_that_want_to_run());
    refuse(hostile::pth::pickles_that_are_broken());
    refuse(hostile::pth::views_that_lie());
    for wide in [false, true] {
        refuse_every_cut(&hostile::pth::good(wide));
    }
    survive_every_byte(&pth(&toy::model()[..8]));
    survive_every_byte(&archive_in(Zip::wide(), b"\x80\x02}.", &[vec![0; 8]]));
}

#[test]
fn safetensors_files() {
    refuse(hostile::safetensors::headers_that_lie());
    refuse(hostile::safetensors::entries_that_lie());
    refuse(hostile::safetensors::sound_files_with_wrong_models());
    refuse_every_cut(&safetensors(&toy::model()));
    survive_every_byte(&safetensors(&toy::model()));
}

#[test]
fn rwkv_cpp_files() {
    refuse(hostile::rwkv_cpp::files_that_lie());
    refuse_every_cut(&rwkv_cpp(&rwkv_cpp_toys()));
    survive_every_byte(&rwkv_cpp(&rwkv_cpp_toys()));
}
