//! What loading a model onto a device takes of the host's memory: the mapped file, and little more.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use wkv7_core::{Backend as _, Dtype, LoadOptions};
use wkv7_formats::convert::{Convert, Target, convert};
use wkv7_formats::{Checkpoint, Format};
use wkv7_testkit::TinyModel;
use wkv7_tests::software_adapter;

/// Bytes beside the file that loading may take at its peak.
const BOUND: u64 = 100_000_000;

/// A line of the process's status, in bytes.
fn status(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("a status");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("a line");
    let kilobytes: u64 = line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().expect("a number");
    1024 * kilobytes
}

/// The model of `WKV7_UPLOAD`, else one of 96 megabytes.
fn file(folder: &std::path::Path) -> PathBuf {
    if let Some(path) = std::env::var_os("WKV7_UPLOAD") {
        return path.into();
    }
    let tiny = TinyModel { vocab: 60_000, ..TinyModel::of(Dtype::F16) };
    let wide = TinyModel { channels: 384, ffn: 1536, layers: 1, ..tiny };
    let path = folder.join("model.safetensors");
    let checkpoint = Checkpoint {
        path: "in memory".into(),
        format: Format::Safetensors,
        tensors: wide.tensors(),
        recipe: wide.recipe,
        vocabulary: None,
        chat_template: None,
        metadata: BTreeMap::new(),
        file_bytes: 0,
    };
    convert(&checkpoint, &path, &Convert::to(Target::Safetensors), &mut |_, _| true).expect("converts");
    path
}

/// The only test of its process: its peak is that of the upload. A software adapter keeps what is on the device in the
/// same memory, so that comes off.
#[test]
fn loading_takes_the_file_and_little_more() {
    let Some(backend) = software_adapter() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path());
    let file_bytes = fs::metadata(&path).expect("a file").len();
    let weights = wkv7_formats::open(&path).expect("opens").weights().expect("is a model");
    // Opens the device, which takes the same for every model.
    drop(backend.load(&TinyModel::default().weights(), &LoadOptions::default()).expect("loads"));
    fs::write("/proc/self/clear_refs", "5").expect("the peak begins anew");
    let before = status("VmRSS");
    let mut options = LoadOptions::default();
    (options.slots, options.max_tokens) = (1, 64);
    let model = backend.load(&weights, &options).expect("loads");
    let peak = status("VmHWM") - before;
    let device = backend.allocated_bytes().expect("Vulkan tells");
    let host = peak.saturating_sub(device);
    println!("{file_bytes} bytes of file, {device} on the device, {peak} at the peak: {host} on the host");
    assert!(host < file_bytes + BOUND, "{host} bytes at the peak, {file_bytes} of them the file");
    assert!(device > file_bytes / 2, "{device} bytes on the device for {file_bytes} of file");
    drop(model);
}
