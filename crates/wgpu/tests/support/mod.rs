//! The software adapter that the tests run on.

use wkv7_wgpu::{Choice, Settings, Wgpu, devices};

/// The backend on a software adapter, as `change` makes its settings; `None` where there is none, which is said, and a
/// failure where `CI=true`.
#[allow(clippy::print_stdout, reason = "a test that did nothing says so")]
pub fn software(change: impl FnOnce(&mut Settings)) -> Option<Wgpu> {
    let Some(device) = devices().into_iter().find(|device| device.kind == "software") else {
        let what = "no software adapter (apt-get install mesa-vulkan-drivers libvulkan1)";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
        println!("skipped: {what}");
        return None;
    };
    let mut settings = Settings::default();
    settings.adapter = Choice::Index(device.index);
    change(&mut settings);
    Some(Wgpu::with(settings))
}
