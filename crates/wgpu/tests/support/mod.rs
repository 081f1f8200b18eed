//! The adapter that the tests run on: a software adapter, which every machine can have, or a real device that
//! `WKV7_WGPU_DEVICE` names as `--backend wgpu:` does.

use wkv7_core::{Batch, Error, LoadOptions, Model, Outputs, Slot, Step, Want};
use wkv7_testkit::software_adapter;
use wkv7_wgpu::{Choice, Settings, Wgpu, devices};

/// The backend on a software adapter, as `change` makes its settings; `None` where there is none, which is said, and a
/// failure where `CI=true`.
pub fn software(change: impl FnOnce(&mut Settings)) -> Option<Wgpu> {
    let mut settings = Settings::default();
    settings.adapter = match std::env::var("WKV7_WGPU_DEVICE") {
        Ok(name) => name.parse().unwrap_or_default(),
        Err(_) => {
            let found = devices().into_iter().find(|device| device.kind == "software");
            Choice::Index(software_adapter(found)?.index)
        }
    };
    change(&mut settings);
    Some(Wgpu::with(settings))
}

/// Few slots, few tokens.
#[allow(dead_code, reason = "not every test binary needs it")]
pub fn options() -> LoadOptions {
    let mut options = LoadOptions::default();
    (options.slots, options.max_tokens) = (3, 64);
    options
}

/// The logits after `tokens`.
///
/// # Errors
/// Those of the model.
#[allow(dead_code, reason = "as above")]
pub fn feed(model: &mut dyn Model, slot: &mut Slot, tokens: &[u32]) -> Result<Vec<f32>, Error> {
    let mut outputs = Outputs::new();
    let batch = Batch::new(model.info(), vec![Step::new(slot, tokens, Want::Last)])?;
    model.forward(&batch, &mut outputs)?;
    Ok(outputs.logits)
}
