//! What a model keeps on the device besides its weights: activations, states, and the ways in and out.

use wgpu::{Buffer, BufferUsages, CommandEncoderDescriptor, MapMode};
use wkv7_core::{Config, Error, State};

use crate::gpu::{Gpu, failed};
use crate::plan::slot_stride;
use crate::regions::Regions;
use crate::steps::{Extent, Lists};
use crate::top::Places;
use crate::vectors::bytes;

/// Bytes of activations at most: longer prompts go in several passes.
const ACTIVATION_BYTES: u64 = 128 << 20;
/// Bytes of logits and what is made of them at most, likewise for those of which all logits are wanted.
const RESULT_BYTES: u64 = 64 << 20;
/// Tokens of a pass at most: what one side of a dispatch has on every device.
const MAX_TOKENS: usize = 32_768;

/// How large a model's buffers are.
#[derive(Debug, Clone)]
pub(crate) struct Sizes {
    pub(crate) regions: Regions,
    pub(crate) lists: Lists,
    /// Rows of logits of a pass.
    pub(crate) rows: usize,
    pub(crate) places: Places,
    vocab: usize,
    layers: usize,
    slots: usize,
    pub(crate) slot_stride: usize,
}

impl Sizes {
    pub(crate) fn new(config: &Config, slots: usize, tokens: usize, binding_limit: u64) -> Self {
        let fit = |bytes: u64, each: usize| usize::try_from(bytes / each as u64).unwrap_or(usize::MAX);
        let tokens = tokens
            .min(fit(ACTIVATION_BYTES.min(binding_limit), Regions::token_bytes(config)))
            .clamp(1, MAX_TOKENS);
        let rows = fit(RESULT_BYTES.min(binding_limit), 4 * Places::row_words(config)).clamp(1, tokens);
        Self {
            regions: Regions::new(config, tokens),
            lists: Lists::new(tokens, config.vocab),
            rows,
            places: Places::new(config, rows),
            vocab: config.vocab,
            layers: config.layers,
            slots: slots.max(1),
            slot_stride: slot_stride(config),
        }
    }

    fn act_bytes(&self) -> u64 {
        4 * self.regions.numbers as u64
    }

    fn steps_bytes(&self) -> u64 {
        4 * self.lists.words as u64
    }

    fn x_bytes(&self) -> u64 {
        4 * (self.regions.tokens * self.regions.x.stride) as u64
    }

    fn result_bytes(&self) -> u64 {
        4 * self.places.words as u64
    }

    /// Bytes of one layer's part of one slot.
    fn slot_bytes(&self) -> u64 {
        4 * self.slot_stride as u64
    }

    /// Bytes of one layer's part of all slots.
    pub(crate) fn state_bytes(&self) -> u64 {
        (self.slots as u64).saturating_mul(self.slot_bytes())
    }

    fn readback_bytes(&self) -> u64 {
        // Logits or the largest of them for every row, and the hidden states of as many tokens as there are.
        let row = self.vocab.max(Places::top_words(self.lists.top));
        (4 * (self.rows * row) as u64 + self.x_bytes()).max(self.slot_bytes() * self.layers as u64)
    }

    /// Bytes of all of it.
    pub(crate) fn bytes(&self) -> u64 {
        let states = self.state_bytes().saturating_mul(self.layers as u64);
        let ways = self.steps_bytes() + self.x_bytes() + self.readback_bytes() + self.slot_bytes();
        states.saturating_add(self.act_bytes() + self.steps_bytes() + self.result_bytes() + ways)
    }
}

/// The buffers.
pub(crate) struct Scratch {
    pub(crate) sizes: Sizes,
    /// The regions of activations.
    pub(crate) act: Buffer,
    /// What the pass does.
    pub(crate) steps: Buffer,
    /// Logits, `[rows, vocab]`, then as [`Places`] says.
    pub(crate) results: Buffer,
    /// `[layers]` of `[slots, slot_stride]`: two pasts of (time mix, channel mix), each `[channels]`, then the memory,
    /// `[heads, head_size (key), head_size (value)]`.
    pub(crate) states: Vec<Buffer>,
    /// Bound where there is no layer.
    pub(crate) no_state: Buffer,
    between: Buffer, // a slot's part of one layer, on its way to another slot: a buffer is not copied into itself
    entry: Buffer,   // steps, then rows of the embedding; mapped between passes
    exit: Buffer,    // what a pass returns, or a slot's state
}

impl Scratch {
    /// Makes them. Errors go to the scope around it.
    pub(crate) fn new(gpu: &Gpu, sizes: Sizes) -> Self {
        let inside = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let make = |label, bytes, usage| gpu.buffer(label, bytes, usage, false);
        Self {
            act: make("activations", sizes.act_bytes(), inside),
            steps: make("steps", sizes.steps_bytes(), inside),
            results: make("results", sizes.result_bytes(), inside),
            states: (0..sizes.layers).map(|_| make("states", sizes.state_bytes(), inside)).collect(),
            no_state: make("no state", 16, inside),
            between: make(
                "between slots",
                sizes.slot_bytes(),
                BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
            ),
            entry: gpu.buffer(
                "entry",
                sizes.steps_bytes() + sizes.x_bytes(),
                BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC,
                true,
            ),
            exit: make("exit", sizes.readback_bytes(), BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            sizes,
        }
    }

    /// Puts the steps and the rows of the embedding where [`Scratch::bring`] finds them.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn enter(&self, steps: &[u32], x: &[f32]) -> Result<(), Error> {
        let words: Vec<u8> = steps.iter().flat_map(|word| word.to_le_bytes()).collect();
        let (middle, end) = (self.sizes.steps_bytes(), self.sizes.steps_bytes() + 4 * x.len() as u64);
        let mut view = self.entry.get_mapped_range_mut(0..end).map_err(|error| failed(error.to_string()))?;
        view.slice(..words.len()).copy_from_slice(&words);
        view.slice(middle as usize..).copy_from_slice(&bytes(x));
        drop(view);
        self.entry.unmap();
        Ok(())
    }

    /// Copies the steps and so many rows of the embedding to where kernels read them.
    pub(crate) fn bring(&self, encoder: &mut wgpu::CommandEncoder, rows: usize) {
        let (steps, x) = (self.sizes.steps_bytes(), self.sizes.regions.x);
        encoder.copy_buffer_to_buffer(&self.entry, 0, &self.steps, 0, steps);
        let bytes = 4 * (rows * x.stride) as u64;
        encoder.copy_buffer_to_buffer(&self.entry, steps, &self.act, 4 * x.offset as u64, bytes);
    }

    /// Makes the entry ready for the next pass, once everything submitted is done.
    pub(crate) fn reopen(&self) {
        self.entry.map_async(MapMode::Write, .., |_| {}); // a failure shows at the next pass
    }

    /// Copies what a pass returns out: logits, the largest of others, hidden states. Returns the numbers of each.
    pub(crate) fn leave(&self, encoder: &mut wgpu::CommandEncoder, extent: &Extent) -> [usize; 3] {
        let Sizes { regions, places, vocab, .. } = &self.sizes;
        let stride = regions.x.stride;
        let normed = regions.mixed[0].offset + extent.head() * stride;
        let parts = [
            (&self.results, 0, extent.logits * vocab),
            (&self.results, places.tops, extent.tops * Places::top_words(extent.top)),
            (&self.act, normed, extent.hidden * stride),
        ];
        let mut to = 0;
        for (from, at, numbers) in parts.into_iter().filter(|part| part.2 > 0) {
            let bytes = 4 * numbers as u64;
            encoder.copy_buffer_to_buffer(from, 4 * at as u64, &self.exit, to, bytes);
            to += bytes;
        }
        parts.map(|part| part.2)
    }

    /// Waits for what was submitted, and shows the first so many numbers of what it copied out to `see`.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn take(&self, gpu: &Gpu, numbers: usize, see: impl FnOnce(&[[u8; 4]])) -> Result<(), Error> {
        let end = 4 * numbers as u64;
        if numbers > 0 {
            self.exit.map_async(MapMode::Read, 0..end, |_| {}); // a failure shows as one to get the range
        }
        gpu.wait()?;
        if numbers > 0 {
            let view = self.exit.get_mapped_range(0..end).map_err(|error| failed(error.to_string()))?;
            see(view.as_chunks::<4>().0);
            drop(view);
            self.exit.unmap();
        }
        Ok(())
    }

    fn place(&self, slot: usize) -> u64 {
        slot as u64 * self.sizes.slot_bytes()
    }

    fn submit(&self, gpu: &Gpu, work: impl FnOnce(&mut wgpu::CommandEncoder)) {
        let mut encoder =
            gpu.device.create_command_encoder(&CommandEncoderDescriptor { label: Some("states") });
        work(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
    }

    /// Sets a slot's state to zero.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn clear(&self, gpu: &Gpu, slot: usize) -> Result<(), Error> {
        let (at, bytes) = (self.place(slot), self.sizes.slot_bytes());
        gpu.scoped(|| {
            self.submit(gpu, |encoder| {
                self.states.iter().for_each(|state| encoder.clear_buffer(state, at, Some(bytes)));
            });
            Ok(())
        })
    }

    /// Copies a slot's state to another, on the device.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn copy(&self, gpu: &Gpu, from: usize, to: usize) -> Result<(), Error> {
        let (from, to, bytes) = (self.place(from), self.place(to), self.sizes.slot_bytes());
        gpu.scoped(|| {
            self.submit(gpu, |encoder| {
                for state in &self.states {
                    encoder.copy_buffer_to_buffer(state, from, &self.between, 0, bytes);
                    encoder.copy_buffer_to_buffer(&self.between, 0, state, to, bytes);
                }
            });
            Ok(())
        })
    }

    /// A slot's state, whose past is the one that `parity` says.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn read(&self, gpu: &Gpu, config: &Config, slot: usize, parity: u32) -> Result<State, Error> {
        let bytes = self.sizes.slot_bytes();
        let mut numbers = Vec::new();
        gpu.scoped(|| {
            self.submit(gpu, |encoder| {
                for (layer, state) in (0..).zip(&self.states) {
                    encoder.copy_buffer_to_buffer(state, self.place(slot), &self.exit, layer * bytes, bytes);
                }
            });
            self.take(gpu, self.sizes.slot_stride * self.states.len(), |words| {
                numbers.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
            })
        })?;
        let (c, past) = (config.channels, 2 * parity as usize);
        let mut state = State { att_shift: Vec::new(), wkv: Vec::new(), ffn_shift: Vec::new() };
        for layer in numbers.chunks_exact(self.sizes.slot_stride) {
            state.att_shift.extend(&layer[past * c..(past + 1) * c]);
            state.ffn_shift.extend(&layer[(past + 1) * c..(past + 2) * c]);
            push_turned(&layer[4 * c..], config.head_size, &mut state.wkv);
        }
        Ok(state)
    }

    /// Replaces a slot's state; its past is then the one of parity 0.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn write(&self, gpu: &Gpu, config: &Config, slot: usize, state: &State) -> Result<(), Error> {
        let (c, n) = (config.channels, config.head_size);
        let parts = state.att_shift.chunks_exact(c).zip(state.ffn_shift.chunks_exact(c));
        let mut layer = Vec::with_capacity(self.sizes.slot_stride);
        gpu.scoped(|| {
            for ((buffer, (att, ffn)), wkv) in
                self.states.iter().zip(parts).zip(state.wkv.chunks_exact(c * n))
            {
                layer.clear();
                layer.extend(att.iter().chain(ffn).chain(att).chain(ffn));
                push_turned(wkv, n, &mut layer);
                gpu.queue.write_buffer(buffer, self.place(slot), &bytes(&layer));
            }
            gpu.queue.submit([]);
            Ok(())
        })
    }
}

/// Appends the memories of heads with value and key exchanged: the device's order from the host's, or back.
fn push_turned(heads: &[f32], head_size: usize, out: &mut Vec<f32>) {
    for head in heads.chunks_exact(head_size * head_size) {
        for row in 0..head_size {
            out.extend(head[row..].iter().step_by(head_size));
        }
    }
}
