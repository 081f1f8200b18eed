//! The layer loop and the slots.

use std::time::Instant;

use smallvec::{SmallVec, smallvec};
use wkv7_core::{
    Batch, Error, LoadOptions, Model, ModelInfo, Outputs, Packed, Report, Slot, Slots, State, Weights,
};

use crate::BACKEND;
use crate::arch::Isa;
use crate::channel_mix::channel_mix;
use crate::head::{embed, give_hidden, head};
use crate::matmul::{STRIP, Units, fill};
use crate::memory::Memory;
use crate::pass::{Own, Pass, Piece, SharedMemory, TOKENS};
use crate::scratch::{AllForms, Scratch};
use crate::team::{Shared, Team};
use crate::time_mix::time_mix;
use crate::weights::Loaded;

/// Memory that the activations of one pass may take: longer prompts go in several passes, which gives the same bits.
const SCRATCH_BYTES: usize = 64 << 20;
/// Tokens that a pass takes in any case: enough to be worth turning the matrices into panels.
const LEAST_TOKENS: usize = 128;

/// A model run on the CPU. Its matrices stay where the weights have them.
pub(crate) struct CpuModel<I> {
    isa: I,
    info: ModelInfo,
    weights: Loaded,
    forms: AllForms,
    slots: Slots<Memory>,
    team: Team,
    owns: Vec<Own>, // [members]
    scratch: Scratch,
    pass_tokens: usize,   // at most, in one pass
    pieces: Vec<Piece>,   // of the pass at work
    piece_of: Vec<usize>, // of the pass at work
    report: Report,
    by_unit: usize, // layers whose `ffn.value` is stored by unit, the first so many
}

/// The share of hidden units that have to be zero for storing a matrix by unit to pay.
const SPARSE: f64 = 0.65; // at half, reading all in one stream is a tenth faster than leaping

impl<I: Isa> CpuModel<I> {
    /// A model with no slot open.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::Unavailable`] where the system gives no threads.
    pub(crate) fn new(isa: I, name: &str, weights: &Weights, options: &LoadOptions) -> Result<Self, Error> {
        let mut info = ModelInfo::new(BACKEND, weights, options);
        let team = Team::new(options.threads)?;
        let begun = Instant::now();
        let weights = Loaded::new(weights, options.exact, options.progress.as_ref())?;
        let seconds = begun.elapsed().as_secs_f64();
        let (vectors, turned) = (weights.vector_bytes(), weights.turned_bytes());
        info.packed_bytes = vectors + turned;
        let mut report = Report::default();
        name.clone_into(&mut report.kernels);
        report.packed.push(Packed::new("vectors as f32", vectors, seconds));
        if turned > 0 {
            // In the same walk over the weights, which these are nearly all of.
            report.packed.push(Packed::new("thin matrices by output", turned, seconds));
        }
        let pass_tokens = (SCRATCH_BYTES / Scratch::token_bytes(&info.config)).max(LEAST_TOKENS);
        Ok(Self {
            isa,
            forms: AllForms::of::<I>(&weights),
            weights,
            slots: Slots::new(info.id, info.max_slots),
            owns: std::iter::repeat_with(Own::default).take(team.members()).collect(),
            team,
            scratch: Scratch::default(),
            pass_tokens,
            pieces: Vec::new(),
            piece_of: Vec::new(),
            report,
            by_unit: 0,
            info,
        })
    }

    /// Takes the next tokens of `batch` for a pass of `limit`: `done` says, for each step, how many have gone. Returns
    /// whether there are any.
    fn lay_out(&mut self, batch: &Batch<'_>, done: &mut [usize], limit: usize) -> bool {
        self.pieces.clear();
        self.piece_of.clear();
        let mut memory = 0; // steps that are not empty have one
        for (step, at) in batch.steps().iter().enumerate() {
            if at.tokens.is_empty() {
                continue;
            }
            let start = self.piece_of.len();
            let count = (at.tokens.len() - done[step]).min(limit - start);
            if count > 0 {
                let tokens = done[step]..done[step] + count;
                let ends = tokens.end == at.tokens.len();
                let (wanted, hidden) = (at.want.head_rows(count, ends), at.want.hidden_rows(count, ends));
                self.piece_of.resize(start + count, self.pieces.len());
                done[step] = tokens.end;
                self.pieces.push(Piece {
                    step,
                    memory,
                    tokens,
                    places: start..start + count,
                    wanted,
                    hidden,
                });
            }
            memory += 1;
        }
        !self.pieces.is_empty()
    }
}

impl<I: Isa> Model for CpuModel<I> {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn report(&self) -> Report {
        let mut report = self.report.clone();
        (report.ffn_units, report.ffn_zeros) = self.units_seen();
        report
    }

    fn open_slot(&mut self) -> Result<Slot, Error> {
        self.slots.open(|| Memory::zeros(&self.info.config))
    }

    fn close_slot(&mut self, slot: Slot) {
        self.slots.close(slot);
    }

    fn read_state(&mut self, slot: &Slot) -> Result<State, Error> {
        Ok(self.slots.get(slot)?.read(&self.info.config))
    }

    fn write_state(&mut self, slot: &mut Slot, state: &State) -> Result<(), Error> {
        state.check(&self.info.config)?;
        self.slots.get_mut(slot)?.write(&self.info.config, state);
        Ok(())
    }

    fn copy_state(&mut self, from: &Slot, to: &mut Slot) -> Result<(), Error> {
        let memory = self.slots.get(from)?.clone();
        *self.slots.get_mut(to)? = memory;
        Ok(())
    }

    fn forward(&mut self, batch: &Batch<'_>, outputs: &mut Outputs) -> Result<(), Error> {
        let (vocab, channels) = (self.info.config.vocab, self.info.config.channels);
        outputs.clear();
        outputs.logits.resize(batch.head_rows() * vocab, 0.0);
        outputs.hidden.resize(batch.hidden_rows() * channels, 0.0);
        // Passes of equal size: a short last one would do little for the panels it needs.
        let passes = batch.tokens().div_ceil(self.pass_tokens).max(1);
        let limit = batch.tokens().div_ceil(passes);
        if batch.tokens() == 1 {
            self.store_by_unit();
        }
        let mut done: SmallVec<[_; 1]> = smallvec![0; batch.steps().len()];
        let (mut logits, mut hidden) = (outputs.logits.as_mut_slice(), outputs.hidden.as_mut_slice());
        while self.lay_out(batch, &mut done, limit) {
            let rows = |of: fn(&Piece) -> usize| self.pieces.iter().map(of).sum::<usize>();
            let (wanted, hidden_rows) = (rows(|piece| piece.wanted), rows(|piece| piece.hidden));
            // Pieces follow the order of steps and tokens, and so does what they give.
            let (own, rest) = std::mem::take(&mut logits).split_at_mut(wanted * vocab);
            logits = rest;
            let (own_hidden, rest) = std::mem::take(&mut hidden).split_at_mut(hidden_rows * channels);
            hidden = rest;
            self.pass(batch, wanted, own, own_hidden)?;
        }
        outputs.take_tops(batch, vocab);
        Ok(())
    }
}

impl<I: Isa> CpuModel<I> {
    /// Hidden units of single tokens so far, and those that were zero.
    fn units_seen(&self) -> (u64, u64) {
        self.owns.first().map_or((0, 0), |own| own.units_seen)
    }

    /// Lays the next layer's `ffn.value` out by unit, once single tokens have shown that most units are zero: a layer a
    /// token, so that no token waits long and the first does not wait at all. The bits of the results stay.
    fn store_by_unit(&mut self) {
        let (units, zeros) = self.units_seen();
        let sparse = units > 0 && zeros as f64 >= SPARSE * units as f64;
        let Some(layer) = self.weights.layers.get_mut(self.by_unit).filter(|_| sparse) else { return };
        let matrix = &mut layer.channel_mix.value;
        self.by_unit += 1;
        if !matrix.kind.is_plain() {
            return;
        }
        let begun = Instant::now();
        let size = matrix.tensor.dtype().block_bytes();
        let Some(mut units) = Units::new(matrix.outputs(), matrix.inputs(), size) else { return };
        {
            let (strips, (shared, strip_bytes), matrix) = (units.strips(), units.share(), &*matrix);
            let order = matrix.kind.order::<I>();
            self.team.run(|member| {
                member.each(strips, |strip| {
                    // SAFETY: each task takes its own strip.
                    let out = unsafe { shared.part(strip * strip_bytes..(strip + 1) * strip_bytes) };
                    let rows = matrix.rows(strip * STRIP..((strip + 1) * STRIP).min(matrix.outputs()));
                    match size {
                        2 => fill::<2>(order, rows, matrix.inputs(), out),
                        _ => fill::<4>(order, rows, matrix.inputs(), out),
                    }
                });
            });
        }
        let (bytes, seconds) = (units.len() as u64, begun.elapsed().as_secs_f64());
        matrix.units = Some(units);
        self.info.packed_bytes += bytes;
        const WHAT: &str = "ffn.value by hidden unit";
        match self.report.packed.iter_mut().find(|packed| packed.what == WHAT) {
            Some(packed) => (packed.bytes, packed.seconds) = (packed.bytes + bytes, packed.seconds + seconds),
            None => self.report.packed.push(Packed::new(WHAT, bytes, seconds)),
        }
    }

    /// Walks the tokens laid out through all layers.
    fn pass(
        &mut self,
        batch: &Batch<'_>,
        wanted: usize,
        logits: &mut [f32],
        hidden: &mut [f32],
    ) -> Result<(), Error> {
        let (config, tokens, threads) = (&self.info.config, self.piece_of.len(), self.team.members());
        self.scratch.resize(config, &self.forms, tokens, wanted, threads);
        if tokens == 1 {
            for own in &mut self.owns {
                own.vectors.resize(config, &self.forms, 1, wanted, threads);
            }
        }
        let busy = batch.steps().iter().filter(|step| !step.tokens.is_empty());
        let memories: SmallVec<[_; 1]> = match batch.steps() {
            [only] => std::iter::once(SharedMemory::of(self.slots.get_mut(only.slot)?)).collect(),
            _ => {
                let memories = self.slots.get_each_mut(busy.map(|step| &*step.slot))?;
                memories.into_iter().map(SharedMemory::of).collect()
            }
        };
        let pass = Pass {
            isa: self.isa,
            config,
            pieces: &self.pieces,
            piece_of: &self.piece_of,
            memories: &memories,
            buffers: self.scratch.share(),
            group: self.forms.group(tokens, threads).unwrap_or(TOKENS),
        };
        let (weights, owns) = (&self.weights, Shared::new(&mut self.owns));
        let (logits, hidden) = (Shared::new(logits), Shared::new(hidden));
        self.team.run(|member| {
            // SAFETY: each member takes what is its own.
            let [own] = (unsafe { owns.part(member.number()..member.number() + 1) }) else { return };
            let mut vectors = std::mem::take(&mut own.vectors);
            let at_work = if pass.is_single() { vectors.share() } else { pass.buffers.vectors };
            embed(&pass, member, own, weights, batch);
            for (at, layer) in weights.layers.iter().enumerate() {
                time_mix(&pass, member, own, at_work, layer, at);
                let next = match weights.layers.get(at + 1) {
                    Some(layer) => pass.next(&layer.time_mix.receptance, member),
                    None => pass.next_of(&weights.head, member, wanted),
                };
                channel_mix(&pass, member, own, at_work, layer, next, at);
            }
            give_hidden(&pass, member, weights, hidden);
            head(&pass, member, own, at_work, weights, logits);
            own.vectors = vectors;
        });
        Ok(())
    }
}
