//! One product, cut into tasks.

use std::ops::Range;

use wkv7_core::Dtype;
use wkv7_core::blocks::dequantize;

use super::ahead::{Ahead, Coming};
use super::block::{self, Pairs, Quads};
use super::block_panels::GroupPanel;
use super::block_tiles::Signed;
use super::element::{self, Element, Singles, Terms};
use super::kind::Kind;
use super::next::Next;
use super::super_block;
use super::super_panels::{Numbers, ScaledQuads, SpanPanel};
use super::super_tiles::Cut;
use super::units::{self, Active, Order, STRIP, Units};
use super::{panels, part_tiles, rows};
use crate::activations::Input;
use crate::aligned::Aligned;
use crate::arch::{Isa, LANES, MAX_TILE, PANEL};
use crate::exp::{sigmoid, tanh};
use crate::part_tiles::Line;
use crate::team::{Member, Shared};
use crate::weights::Matrix;

/// Rows dequantised together for few tokens.
const TILE_ROWS: usize = 4;

/// What becomes of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Then {
    /// It is the output.
    Store,
    /// It is added to the output.
    Add,
    /// `max(0, y)^2`.
    SquaredRelu,
    /// `tanh(y)`.
    Tanh,
    /// `1 / (1 + exp(-y))`.
    Sigmoid,
}

impl Then {
    #[inline(always)]
    fn apply<I: Isa>(self, isa: I, out: &mut [f32], sums: &[f32]) {
        // Of whole panels the length is said, or each would be copied by a call.
        match (<&mut [f32; PANEL]>::try_from(&mut *out), <&[f32; PANEL]>::try_from(sums)) {
            (Ok(out), Ok(sums)) => self.each(isa, out, sums),
            _ => self.each(isa, out, sums),
        }
    }

    #[inline(always)]
    fn each<I: Isa>(self, isa: I, out: &mut [f32], sums: &[f32]) {
        let pairs = out.iter_mut().zip(sums);
        match self {
            Self::Store => pairs.for_each(|(out, y)| *out = *y),
            Self::Add => pairs.for_each(|(out, y)| *out += *y),
            // Not `max`, which would turn a NaN into zero and hide a broken model.
            Self::SquaredRelu => pairs.for_each(|(out, y)| *out = if *y < 0.0 { 0.0 } else { y * y }),
            Self::Tanh => pairs.for_each(|(out, y)| *out = tanh(isa, *y)),
            Self::Sigmoid => pairs.for_each(|(out, y)| *out = sigmoid(isa, *y)),
        }
    }
}

/// `out = then(matrix @ x)` for every token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) input: Input<'a>,
    pub(super) out: Shared<'a>, // [tokens, outputs]
    pub(super) then: Then,
    pub(super) active: Option<&'a Active>,
    pub(super) ahead: Ahead<'a>,
}

/// Room for the sums of every class of a tile's tokens and of two panels, one to a row of a panel.
pub(super) type Classes = [[f32; PANEL]; LANES * MAX_TILE * 2];

/// What one thread needs room for.
pub(crate) struct Desk {
    rows: Aligned,
    panels: Aligned,
    pub(super) classes: Box<Classes>,
    pub(super) quads: Vec<GroupPanel<Quads>>,
    pub(super) pairs: Vec<GroupPanel<Pairs>>,
    pub(super) signed: Vec<GroupPanel<Signed>>,
    pub(super) scaled: Vec<SpanPanel<ScaledQuads>>,
    pub(super) numbers: Vec<SpanPanel<Numbers>>,
    pub(super) cut: Vec<SpanPanel<Cut>>,
    tiles: Vec<Line>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            rows: Aligned::default(),
            panels: Aligned::default(),
            classes: Box::new([[0.0; PANEL]; LANES * MAX_TILE * 2]),
            quads: Vec::new(),
            pairs: Vec::new(),
            signed: Vec::new(),
            scaled: Vec::new(),
            numbers: Vec::new(),
            cut: Vec::new(),
            tiles: Vec::new(),
        }
    }
}

impl<'a> Product<'a> {
    pub(crate) fn new(matrix: &'a Matrix, input: Input<'a>, out: Shared<'a>, then: Then) -> Self {
        assert_eq!(input.n, matrix.inputs(), "vectors of the matrix's width");
        assert!(out.len() >= input.tokens * matrix.outputs(), "room for the outputs of every token");
        Self { matrix, input, out, then, active: None, ahead: Ahead::default() }
    }

    /// The same product, told which of the inputs are not zero: where the matrix is stored by unit, only those are read.
    pub(crate) fn with_active(self, active: &'a Active) -> Self {
        Self { active: Some(active), ..self }
    }

    /// Whether the matrix is read in rows, not in panels.
    pub(super) fn is_few<I: Isa>(&self) -> bool {
        self.input.tokens < self.matrix.kind.many::<I>()
    }

    /// The matrix by unit, where few tokens' active units are known or many tokens want panels of it.
    fn units<I: Isa>(&self) -> Option<&'a Units> {
        let wanted =
            self.active.is_some() || !self.is_few::<I>() && self.matrix.kind.order::<I>() == Order::Classes;
        self.matrix.units.as_ref().filter(|_| wanted)
    }

    /// The outputs of member `number` of `members` where few tokens share the work out: one piece for each, which most
    /// kernels read in several places ([`side_by_side`](super::streams::side_by_side)). Handed out in small tasks,
    /// neighbouring rows go to different cores, whose prefetchers fetch what the other reads: with tasks of 32 KB, decoding
    /// took half as long again.
    fn share<I: Isa>(&self, number: usize, members: usize) -> Range<usize> {
        let unit = match self.matrix.kind {
            _ if self.units::<I>().is_some() => STRIP,
            kind if kind.parts::<I>() > 0 => PANEL,
            _ => 1,
        };
        let units = self.matrix.outputs().div_ceil(unit);
        let at = |number: usize| (units * number / members * unit).min(self.matrix.outputs());
        at(number)..at(number + 1)
    }

    fn tasks<I: Isa>(&self, members: usize) -> usize {
        self.matrix.outputs().div_ceil(task_outputs::<I>(self.matrix, members))
    }

    fn outputs_of_task<I: Isa>(&self, task: usize, members: usize) -> Range<usize> {
        outputs_of_task::<I>(self.matrix, task, members)
    }

    /// The bytes that a task reads, where they lie in one piece.
    fn bytes_of_task<I: Isa>(&self, task: usize, members: usize) -> &'a [u8] {
        if self.units::<I>().is_some() {
            &[]
        } else {
            self.matrix.rows(self.outputs_of_task::<I>(task, members))
        }
    }

    /// Does the outputs `outputs`, for every token.
    pub(crate) fn run<I: Isa>(&self, isa: I, outputs: Range<usize>, desk: &mut Desk) {
        if let Some(units) = self.units::<I>() {
            return match self.matrix.kind {
                Kind::F32 => self.by_unit::<I, element::F32>(isa, outputs, units, desk),
                Kind::F16 => self.by_unit::<I, element::F16>(isa, outputs, units, desk),
                _ => self.by_unit::<I, element::BF16>(isa, outputs, units, desk),
            };
        }
        let raw = self.matrix.rows(outputs.clone());
        match self.matrix.kind {
            Kind::Parts(_) if I::TILED => part_tiles::all(isa, self, outputs, &mut desk.tiles),
            Kind::F32 => self.plain::<I, element::F32>(isa, outputs, raw, desk),
            Kind::F16 => self.plain::<I, element::F16>(isa, outputs, raw, desk),
            Kind::Parts(_) if self.matrix.kind.is_paired::<I>() => {
                self.plain::<I, element::Fours<element::BF16Pairs>>(isa, outputs, raw, desk)
            }
            Kind::BF16 | Kind::Parts(_) => self.plain::<I, element::BF16>(isa, outputs, raw, desk),
            Kind::Block(Dtype::Q8_0) => self.block::<I, block::Q8_0>(isa, outputs, raw, desk),
            Kind::Block(Dtype::Q4_0) => self.block::<I, block::Q4_0>(isa, outputs, raw, desk),
            Kind::Block(Dtype::Q4_1) => self.block::<I, block::Q4_1>(isa, outputs, raw, desk),
            Kind::Block(Dtype::Q5_0) => self.block::<I, block::Q5_0>(isa, outputs, raw, desk),
            Kind::Block(Dtype::Q5_1) => self.block::<I, block::Q5_1>(isa, outputs, raw, desk),
            Kind::SuperBlock(Dtype::Q4K) => self.super_block::<I, super_block::Q4K>(isa, outputs, raw, desk),
            Kind::SuperBlock(Dtype::Q5K) => self.super_block::<I, super_block::Q5K>(isa, outputs, raw, desk),
            Kind::SuperBlock(Dtype::Q6K) => self.super_block::<I, super_block::Q6K>(isa, outputs, raw, desk),
            Kind::Block(_) | Kind::SuperBlock(_) | Kind::Dequantized => {
                self.dequantized(isa, outputs, raw, desk)
            }
        }
    }

    fn plain<I: Isa, E: Element>(&self, isa: I, outputs: Range<usize>, raw: &[E::Raw], desk: &mut Desk) {
        if self.is_few::<I>() {
            return isa.run(
                #[inline(always)]
                || rows::few::<I, E>(isa, self, outputs, raw),
            );
        }
        let items = self.matrix.inputs() / E::Terms::NUMBERS;
        let mut rows = std::mem::take(&mut desk.rows);
        rows.grow(PANEL * panels::row_stride(items));
        let sources = raw.chunks(PANEL * items * E::SIZE);
        self.tiles::<I, E::Terms, _>(isa, outputs, sources, desk, |raw, panel| {
            let count = raw.len() / (items * E::SIZE);
            isa.run(
                #[inline(always)]
                || {
                    panels::read::<I, E>(isa, raw, items, &mut rows);
                    panels::pack(isa, &rows, count, items, panel);
                },
            );
        });
        desk.rows = rows;
    }

    fn by_unit<I: Isa, E: Element<Raw = u8>>(
        &self,
        isa: I,
        outputs: Range<usize>,
        stored: &Units,
        desk: &mut Desk,
    ) {
        if let Some(active) = self.active {
            return isa.run(
                #[inline(always)]
                || units::few::<I, E>(isa, self, stored, active, outputs),
            );
        }
        self.tiles::<I, Singles, _>(isa, outputs.clone(), outputs.step_by(PANEL), desk, |output, panel| {
            isa.run(
                #[inline(always)]
                || units::pack::<I, E>(isa, stored, output, panel),
            );
        });
    }

    /// Packs a panel from each of `sources`, and lets every tile of tokens meet every panel while both are in the caches.
    fn tiles<I: Isa, M: Terms, S>(
        &self,
        isa: I,
        outputs: Range<usize>,
        sources: impl Iterator<Item = S>,
        desk: &mut Desk,
        mut pack: impl FnMut(S, &mut [f32]),
    ) {
        let own = panels::panel_len(self.matrix.inputs() / M::NUMBERS);
        let count = outputs.len().div_ceil(PANEL);
        desk.panels.grow(count * own);
        let panels = &mut desk.panels[..count * own];
        sources.zip(panels.chunks_exact_mut(own)).for_each(|(source, panel)| pack(source, panel));
        self.walk::<I, _>(outputs, panels, own, I::PANELS, |panel, meeting| {
            isa.run(
                #[inline(always)]
                || panels::tile::<I, M>(isa, self, panel, meeting, &mut desk.classes),
            );
        });
    }

    fn dequantized<I: Isa>(&self, isa: I, outputs: Range<usize>, raw: &[u8], desk: &mut Desk) {
        let (inputs, dtype) = (self.matrix.inputs(), self.matrix.tensor.dtype());
        let length = self.matrix.tensor.stored_row_bytes();
        let mut numbers = std::mem::take(&mut desk.rows);
        numbers.grow(PANEL * panels::row_stride(inputs));
        if self.is_few::<I>() {
            for (raw, first) in raw.chunks(TILE_ROWS * length).zip(outputs.step_by(TILE_ROWS)) {
                let count = raw.len() / length;
                let numbers = &mut numbers[..count * inputs];
                isa.run(
                    #[inline(always)]
                    || {
                        dequantize(dtype, raw, numbers);
                        rows::few::<I, element::Numbers>(isa, self, first..first + count, numbers);
                    },
                );
            }
        } else {
            self.tiles::<I, Singles, _>(isa, outputs, raw.chunks(PANEL * length), desk, |raw, panel| {
                let count = raw.len() / length;
                isa.run(
                    #[inline(always)]
                    || {
                        let rows = numbers.chunks_exact_mut(panels::row_stride(inputs));
                        for (raw, row) in raw.chunks_exact(length).zip(rows) {
                            dequantize(dtype, raw, &mut row[..inputs]);
                        }
                        panels::pack(isa, &numbers, count, inputs, panel);
                    },
                );
            });
        }
        desk.rows = numbers;
    }

    /// Asks for where [`Product::finish`] will write: tokens lie too far apart for the machine to see what comes next.
    #[inline(always)]
    pub(super) fn ask_for_outputs<I: Isa>(&self, isa: I, tokens: Range<usize>, outputs: Range<usize>) {
        for token in tokens {
            for output in outputs.clone().step_by(LANES) {
                isa.prefetch_to_write(self.out.address(token * self.matrix.outputs() + output).cast());
            }
        }
    }

    /// Writes the outputs from `output` on of one token.
    #[inline(always)]
    pub(super) fn finish<I: Isa>(&self, isa: I, token: usize, output: usize, sums: &[f32]) {
        let start = token * self.matrix.outputs() + output;
        // SAFETY: these outputs are this task's alone, and no earlier part of them is used any more.
        let out = unsafe { self.out.part(start..start + sums.len()) };
        self.then.apply(isa, out, sums);
    }
}

/// Outputs of one task of many tokens.
fn task_outputs<I: Isa>(matrix: &Matrix, members: usize) -> usize {
    if matrix.kind.parts::<I>() > 0 {
        // Two panels at a time. The tokens' parts take more room than the rows, and are read once for each task: few tasks.
        let pair_bytes = matrix.inputs() * PANEL * 4;
        let most = (matrix.outputs() / (4 * PANEL * members)).max(1);
        return (I::TASK_BYTES / 2 / pair_bytes).clamp(1, most) * 2 * PANEL;
    }
    let (panel_bytes, least) = match matrix.kind {
        Kind::Block(_) | Kind::SuperBlock(_) => (matrix.inputs() * PANEL * 2, 1),
        kind if kind.is_paired::<I>() => (matrix.inputs() * PANEL * 2, I::PANELS),
        _ => (matrix.inputs() * PANEL * 4, I::PANELS),
    };
    // Enough tasks for everyone come first, shared panels second.
    let most = (matrix.outputs() / (4 * PANEL * members)).max(least);
    (I::TASK_BYTES / panel_bytes).clamp(least, most) / least * least * PANEL
}

/// The outputs of a task of many tokens.
pub(super) fn outputs_of_task<I: Isa>(matrix: &Matrix, task: usize, members: usize) -> Range<usize> {
    let outputs = task_outputs::<I>(matrix, members);
    let first = (task * outputs).min(matrix.outputs());
    first..(first + outputs).min(matrix.outputs())
}

/// Does `products`, none of which reads what another writes, in one phase. Members ask for what is `next` before they are done,
/// or while they wait.
pub(crate) fn multiply<I: Isa>(
    isa: I,
    member: &Member<'_>,
    desk: &mut Desk,
    products: &[Product<'_>],
    mut next: Next<'_>,
    coming: Coming<'_, '_>,
) {
    if products.iter().all(Product::is_few::<I>) {
        for product in products {
            product.run(isa, product.share::<I>(member.number(), member.members()), desk);
        }
        return member.meet(|| (), || next.ask(isa));
    }
    let members = member.members();
    let tasks = products.iter().map(|product| product.tasks::<I>(members)).sum();
    // The product of a task, and which of its tasks that is.
    let find = |mut task: usize| {
        for product in products {
            let own = product.tasks::<I>(members);
            if task < own {
                return Some((product, task));
            }
            task -= own;
        }
        None
    };
    let rows_after = next.rows();
    let each = |task| {
        if let Some((product, own)) = find(task) {
            let rows = find(task + members)
                .map_or(rows_after, |(product, task)| product.bytes_of_task::<I>(task, members));
            let outputs = product.outputs_of_task::<I>(own, members);
            let ahead = Ahead { rows, states: coming(outputs.len() * product.matrix.inputs()) };
            Product { ahead, ..*product }.run(isa, outputs, desk);
        }
    };
    member.each_in_turn(tasks, each, || next.ask(isa));
}

/// `a . b` in the fixed order of this backend.
#[inline(always)]
pub(crate) fn dot<I: Isa>(isa: I, a: &[f32], b: &[f32]) -> f32 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = isa.splat(0.0);
    for (a, b) in a.iter().zip(b) {
        sums = isa.lanes_mul_add(isa.load(a), isa.load(b), sums);
    }
    if !rest_a.is_empty() {
        let rest = |x: &[f32]| isa.load(&element::Numbers::read_rest(x));
        sums = isa.lanes_mul_add(rest(rest_a), rest(rest_b), sums);
    }
    isa.fold(sums)
}
