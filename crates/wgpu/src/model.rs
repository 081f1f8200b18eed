//! The model: its slots, and a forward as passes of one command buffer each.

use std::sync::Arc;
use std::time::Duration;

use wkv7_core::{
    Batch, DeviceCeiling, Error, LoadOptions, Model, ModelInfo, Outputs, Report, Slot, Slots, State, Tensor,
    Weights,
};

use crate::gpu::Gpu;
use crate::plan::Plan;
use crate::recorded::Recorded;
use crate::returned::Returned;
use crate::scratch::{Scratch, Sizes};
use crate::steps::{self, Piece};
use crate::weights::{self, Loaded};
use crate::{BACKEND, Settings, ceiling};

/// A model on a device.
pub(crate) struct WgpuModel {
    gpu: Arc<Gpu>,
    info: ModelInfo,
    embedding: Tensor, // rows are read from where the file has them
    loaded: Loaded,
    scratch: Scratch,
    recorded: Option<Recorded>, // what is likely to come next
    slots: Slots<Past>,
    words: Vec<u32>,
    x: Vec<f32>,
    report: Report,
}

/// Which of a slot's two pasts is the one to be read: a pass reads one and writes the other.
#[derive(Debug, Default)]
struct Past {
    parity: u32,
}

impl WgpuModel {
    /// A model with no slot open.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it does not fit, [`Error::Unsupported`], [`Error::Device`], [`Error::Cancelled`].
    pub(crate) fn new(
        gpu: Arc<Gpu>,
        weights: &Weights,
        options: &LoadOptions,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let mut info = ModelInfo::new(BACKEND, weights, options);
        let sizes = Sizes::new(&info.config, info.max_slots, info.max_tokens, gpu.binding_limit);
        let limit = gpu.binding_limit.min(gpu.buffer_limit);
        let (regions, lists) = (sizes.regions.clone(), sizes.lists);
        let plan =
            Plan::new(weights, &regions, &lists, sizes.places, options.exact, limit, gpu.shape.strip())?;
        // What is not a card of its own takes the machine's memory, whatever its driver says: Mesa's software says 2 GiB.
        let own = gpu.facts.memory.filter(|_| gpu.facts.kind == "discrete");
        let memory = settings.memory_limit.into_iter().chain(own).min();
        check_room(&plan, &sizes, &info, limit, memory)?;
        let scratch = gpu.scoped(|| Ok(Scratch::new(&gpu, sizes)))?;
        let loaded = Loaded::new(&gpu, &plan, &scratch, options.progress.as_ref())?;
        info.packed_bytes = loaded.bytes;
        let mut report = Report::default();
        let features = gpu.features;
        report.kernels = format!("{}, {features}", gpu.facts.line());
        report.packed.clone_from(&loaded.packed);
        Ok(Self {
            gpu,
            embedding: weights.emb.clone(),
            loaded,
            scratch,
            recorded: None,
            slots: Slots::new(info.id, info.max_slots),
            words: Vec::new(),
            x: Vec::new(),
            report,
            info,
        })
    }

    /// Runs the tokens of `pieces` through all layers and appends what is wanted to `outputs`.
    fn pass(&mut self, batch: &Batch<'_>, pieces: &[Piece], outputs: &mut Outputs) -> Result<(), Error> {
        let slots = pieces.iter().map(|piece| &*batch.steps()[piece.step].slot);
        let pasts = slots.map(|slot| Ok((slot.index(), self.slots.get(slot)?.parity)));
        let pasts = pasts.collect::<Result<Vec<_>, Error>>()?;
        let extent = steps::write(&self.scratch.sizes.lists, pieces, &pasts, &mut self.words);
        self.embed(batch, pieces);

        let (gpu, scratch, loaded) = (&*self.gpu, &self.scratch, &self.loaded);
        let recorded = self.recorded.take().filter(|recorded| recorded.extent == extent);
        self.recorded = gpu.scoped(|| {
            scratch.enter(&self.words, &self.x)?;
            let recorded = recorded.unwrap_or_else(|| Recorded::new(gpu, loaded, scratch, extent));
            let (parts, kernels) = recorded.submit(gpu);
            scratch.reopen();
            // One token of each sequence is likely to be followed by one more of each.
            let is_decode = extent.tokens == extent.sequences;
            let next = is_decode.then(|| Recorded::new(gpu, loaded, scratch, extent));
            scratch.take(gpu, parts.iter().sum(), |words| {
                let returned = Returned::new(words, parts, &extent, &self.info.config);
                returned.hand_over(batch, pieces, outputs);
            })?;
            if let Some(profile) = &gpu.profile {
                profile.add(gpu, &kernels)?;
            }
            Ok(next)
        })?;
        for piece in pieces {
            self.slots.get_mut(batch.steps()[piece.step].slot)?.parity ^= 1;
        }
        Ok(())
    }

    /// The rows of the embedding of a pass, `[tokens, channels]` filled up to whole strides.
    fn embed(&mut self, batch: &Batch<'_>, pieces: &[Piece]) {
        let (stride, c) = (self.scratch.sizes.regions.x.stride, self.info.config.channels);
        self.x.clear();
        for piece in pieces {
            for &token in &batch.steps()[piece.step].tokens[piece.tokens.clone()] {
                let at = self.x.len();
                self.x.resize(at + stride, 0.0);
                self.embedding.read_row(token as usize, &mut self.x[at..at + c]);
            }
        }
    }
}

/// Refuses what will not fit, before anything is made.
fn check_room(
    plan: &Plan<'_>,
    sizes: &Sizes,
    info: &ModelInfo,
    binding_limit: u64,
    memory: Option<u64>,
) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::Unavailable { backend: BACKEND.to_owned(), why });
    let needed = weights::device_bytes(plan).saturating_add(sizes.bytes());
    if let Some(available) = memory.filter(|available| needed > *available) {
        return refuse(format!(
            "the model needs {needed} bytes of device memory, {} of them for {} slots, and {available} are available; \
             load it with fewer slots or fewer tokens per forward, or convert it to a smaller type",
            sizes.state_bytes().saturating_mul(info.config.layers as u64),
            info.max_slots,
        ));
    }
    if sizes.state_bytes() > binding_limit {
        return refuse(format!(
            "the states of {} slots take {} bytes a layer, and a kernel of this device sees {binding_limit}; \
             load the model with fewer slots",
            info.max_slots,
            sizes.state_bytes(),
        ));
    }
    Ok(())
}

impl Model for WgpuModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn report(&self) -> Report {
        self.report.clone()
    }

    fn ceiling(&mut self, time: Duration) -> Result<Option<DeviceCeiling>, Error> {
        ceiling::measure(&self.gpu, time).map(Some)
    }

    fn open_slot(&mut self) -> Result<Slot, Error> {
        let slot = self.slots.open(Past::default)?;
        match self.scratch.clear(&self.gpu, slot.index()) {
            Ok(()) => Ok(slot),
            Err(error) => {
                self.slots.close(slot);
                Err(error)
            }
        }
    }

    fn close_slot(&mut self, slot: Slot) {
        self.slots.close(slot);
    }

    fn read_state(&mut self, slot: &Slot) -> Result<State, Error> {
        let parity = self.slots.get(slot)?.parity;
        self.scratch.read(&self.gpu, &self.info.config, slot.index(), parity)
    }

    fn write_state(&mut self, slot: &mut Slot, state: &State) -> Result<(), Error> {
        state.check(&self.info.config)?;
        self.slots.get_mut(slot)?.parity = 0;
        self.scratch.write(&self.gpu, &self.info.config, slot.index(), state)
    }

    fn copy_state(&mut self, from: &Slot, to: &mut Slot) -> Result<(), Error> {
        let parity = self.slots.get(from)?.parity;
        self.slots.get_mut(to)?.parity = parity;
        self.scratch.copy(&self.gpu, from.index(), to.index())
    }

    fn forward(&mut self, batch: &Batch<'_>, outputs: &mut Outputs) -> Result<(), Error> {
        outputs.clear();
        let mut done = vec![0; batch.steps().len()];
        let (tokens, rows) = (self.scratch.sizes.regions.tokens, self.scratch.sizes.rows);
        loop {
            let pieces = steps::lay_out(batch, &mut done, tokens, rows);
            if pieces.is_empty() {
                return Ok(());
            }
            self.pass(batch, &pieces, outputs)?;
        }
    }
}
