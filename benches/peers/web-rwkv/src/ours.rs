//! wkv7's backend.

use anyhow::{Result, anyhow};
use wkv7_core::{Backend as _, Batch, LoadOptions, Model, Outputs, Slot, Step, Want, Weights};
use wkv7_wgpu::{Choice, Settings, Wgpu};

use crate::Engine;

/// A model and its sequences.
pub struct Ours {
    model: Box<dyn Model>,
    slots: Vec<Slot>,
    outputs: Outputs,
}

impl Ours {
    pub fn open(weights: &Weights, adapter: &str, sequences: usize) -> Result<Self> {
        let mut settings = Settings::default();
        settings.adapter = Choice::Name(adapter.to_owned());
        let mut options = LoadOptions::default();
        options.slots = sequences;
        let mut model = Wgpu::with(settings).load(weights, &options)?;
        println!("wkv7: {}", model.report().kernels);
        let slots = (0..sequences).map(|_| model.open_slot()).collect::<Result<_, _>>()?;
        Ok(Self { model, slots, outputs: Outputs::new() })
    }
}

impl Engine for Ours {
    fn feed(&mut self, tokens: &[&[u32]]) -> Result<&[f32]> {
        let steps =
            self.slots.iter_mut().zip(tokens).map(|(slot, tokens)| Step::new(slot, tokens, Want::Last));
        let batch = Batch::new(self.model.info(), steps.collect()).map_err(|error| anyhow!(error))?;
        self.model.forward(&batch, &mut self.outputs)?;
        Ok(&self.outputs.logits)
    }
}
