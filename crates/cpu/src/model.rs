//! The layer loop and the slots.

use std::ops::Range;

use wkv7_core::{Batch, Error, LoadOptions, Model, ModelInfo, Outputs, Slot, Slots, State, Weights};

use crate::BACKEND;
use crate::arch::Isa;
use crate::channel_mix::channel_mix;
use crate::head::{embed, head};
use crate::pass::{Memory, Pass};
use crate::scratch::Scratch;
use crate::threads::Pool;
use crate::time_mix::time_mix;
use crate::weights::Loaded;

/// A model run on the CPU. Its matrices stay where the weights have them.
pub(crate) struct CpuModel<I> {
    isa: I,
    info: ModelInfo,
    weights: Loaded,
    slots: Slots<State>,
    pool: Pool,
    scratch: Scratch,
    steps: Vec<Range<usize>>, // tokens of each step of the batch at work
    step_of: Vec<usize>,      // step of each token of the batch at work
}

impl<I: Isa> CpuModel<I> {
    /// A model with no slot open.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::Unavailable`] where the system gives no threads.
    pub(crate) fn new(isa: I, weights: &Weights, options: &LoadOptions) -> Result<Self, Error> {
        let mut info = ModelInfo::new(BACKEND, weights, options);
        let weights = Loaded::new(weights, options.progress.as_ref())?;
        info.packed_bytes = weights.packed_bytes();
        Ok(Self {
            isa,
            weights,
            slots: Slots::new(info.id, info.max_slots),
            pool: Pool::new(options.threads)?,
            scratch: Scratch::default(),
            steps: Vec::new(),
            step_of: Vec::new(),
            info,
        })
    }

    /// Lays the tokens of all steps one after the other; steps without any are left out.
    fn lay_out(&mut self, batch: &Batch<'_>) {
        self.steps.clear();
        self.step_of.clear();
        for step in batch.steps().iter().filter(|step| !step.tokens.is_empty()) {
            let start = self.step_of.len();
            let end = start + step.tokens.len();
            self.step_of.resize(end, self.steps.len());
            self.steps.push(start..end);
        }
    }
}

impl<I: Isa> Model for CpuModel<I> {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn open_slot(&mut self) -> Result<Slot, Error> {
        self.slots.open(|| State::zeros(&self.info.config))
    }

    fn close_slot(&mut self, slot: Slot) {
        self.slots.close(slot);
    }

    fn read_state(&mut self, slot: &Slot) -> Result<State, Error> {
        self.slots.get(slot).cloned()
    }

    fn write_state(&mut self, slot: &mut Slot, state: &State) -> Result<(), Error> {
        state.check(&self.info.config)?;
        self.slots.get_mut(slot)?.clone_from(state);
        Ok(())
    }

    fn forward(&mut self, batch: &Batch<'_>, outputs: &mut Outputs) -> Result<(), Error> {
        self.lay_out(batch);
        let busy = batch.steps().iter().filter(|step| !step.tokens.is_empty());
        let states = self.slots.get_each_mut(busy.map(|step| &*step.slot))?;
        let mut memories: Vec<Memory<'_>> = states.into_iter().map(Memory::of).collect();
        self.scratch.resize(&self.info.config, self.step_of.len());
        let (weights, scratch, logits) = (&self.weights, &mut self.scratch, &mut outputs.logits);
        let pass = Pass {
            isa: self.isa,
            pool: &self.pool,
            config: &self.info.config,
            steps: &self.steps,
            step_of: &self.step_of,
        };
        self.pool.enter(|| {
            embed(&pass, weights, batch, scratch);
            for (at, layer) in weights.layers.iter().enumerate() {
                time_mix(&pass, layer, at, &mut memories, scratch);
                channel_mix(&pass, layer, at, &mut memories, scratch);
            }
            head(&pass, weights, batch, scratch, logits);
        });
        Ok(())
    }
}
