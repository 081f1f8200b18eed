#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| drop(wkv7_formats::state_file::StateFile::from_bytes(data)));
