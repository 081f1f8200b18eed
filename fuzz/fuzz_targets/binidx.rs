#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| wkv7_fuzz::binidx(data));
