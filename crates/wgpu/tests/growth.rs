//! Memory of the host and of the device after many models were opened and closed; a process of its own, which nothing
//! else makes larger or smaller.

mod support;

use support::{feed, options, software};
use wkv7_core::Backend as _;
use wkv7_testkit::TinyModel;

/// Host memory of this process in kilobytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn opening_and_closing_does_not_add_up() {
    let Some(backend) = software(|_| ()) else { return };
    let weights = TinyModel { layers: 1, ..TinyModel::default() }.weights();
    let round = |count: usize| {
        for _ in 0..count {
            let mut model = backend.load(&weights, &options()).expect("loads");
            let mut slot = model.open_slot().expect("free");
            feed(&mut *model, &mut slot, &[1, 2]).expect("runs");
            model.close_slot(slot);
        }
    };
    let threads = |count| std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(|| round(count)))));
    threads(50);
    let (before, on_device) = (resident(), backend.allocated_bytes());
    threads(rounds());
    println!("device memory: {on_device:?} bytes before, {:?} after", backend.allocated_bytes());
    assert_eq!(backend.allocated_bytes(), on_device);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{} rounds in two threads: {before} kB before, {after} kB after", 2 * rounds());
        assert!(after < before + 16_000, "{before} kB before, {after} kB after");
    }
}

/// Rounds of each thread; `WKV7_ROUNDS` asks for more than the moment that every run of the tests can spare.
fn rounds() -> usize {
    std::env::var("WKV7_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}
