//! One product, cut into tasks.

use std::ops::Range;

use wkv7_core::Dtype;
use wkv7_core::blocks::dequantize;

use super::block::{self, Block, Pairs, Quads};
use super::block_panels::{EMPTY_PAIRS, EMPTY_QUADS, GroupPanel, Keep, Meet};
use super::block_tiles::{self, EMPTY_SIGNED, Signed};
use super::element::{self, Element};
use super::kind::Kind;
use super::next::Next;
use super::super_block::{self, SuperBlock};
use super::super_panels::{EMPTY_NUMBERS, EMPTY_SCALED, KeepSpan, MeetSpan, Numbers, ScaledQuads, SpanPanel};
use super::super_tiles::{self, Cut, EMPTY_CUT};
use super::units::{self, Active, STRIP, Units};
use super::{block_panels, block_rows, panels, part_tiles, rows, super_panels, super_rows};
use crate::activations::{Input, groups};
use crate::aligned::Aligned;
use crate::arch::{Isa, LANES, MAX_TILE, PANEL, TILE_TOKENS};
use crate::exp::{sigmoid, tanh};
use crate::part_tiles::Line;
use crate::span_codes::SPAN;
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
    out: Shared<'a>, // [tokens, outputs]
    then: Then,
    active: Option<&'a Active>,
    ahead: &'a [u8], // what the next task will read from memory, which is idle while this one multiplies
}

/// Room for the sums of every class of a tile's tokens and of two panels, one to a row of a panel.
pub(super) type Classes = [[f32; PANEL]; LANES * MAX_TILE * 2];

/// What one thread needs room for.
pub(crate) struct Desk {
    rows: Aligned,
    panels: Aligned,
    classes: Box<Classes>,
    quads: Vec<GroupPanel<Quads>>,
    pairs: Vec<GroupPanel<Pairs>>,
    signed: Vec<GroupPanel<Signed>>,
    scaled: Vec<SpanPanel<ScaledQuads>>,
    numbers: Vec<SpanPanel<Numbers>>,
    cut: Vec<SpanPanel<Cut>>,
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
        Self { matrix, input, out, then, active: None, ahead: &[] }
    }

    /// The same product, told which of the inputs are not zero: where the matrix is stored by unit, only those are read.
    pub(crate) fn with_active(self, active: &'a Active) -> Self {
        Self { active: Some(active), ..self }
    }

    /// Whether the matrix is read in rows, not in panels.
    fn is_few<I: Isa>(&self) -> bool {
        self.input.tokens < self.matrix.kind.many::<I>()
    }

    /// The matrix by unit, where few tokens' active units are known or many tokens want panels of it.
    fn units<I: Isa>(&self) -> Option<&'a Units> {
        let wanted = self.active.is_some() || !self.is_few::<I>() && self.matrix.kind.parts::<I>() == 0;
        self.matrix.units.as_ref().filter(|_| wanted)
    }

    /// The outputs of member `number` of `members` where few tokens share the work out: one piece for each, which most
    /// kernels read in several places ([`side_by_side`](super::streams::side_by_side)). Handed out in small tasks,
    /// neighbouring rows go to different cores, whose prefetchers fetch what the other reads: with tasks of 32 KB, decoding
    /// took half as long again.
    fn share<I: Isa>(&self, number: usize, members: usize) -> Range<usize> {
        let unit = match self.matrix.kind {
            _ if self.units::<I>().is_some() => STRIP,
            Kind::Parts(_) => PANEL,
            _ => 1,
        };
        let units = self.matrix.outputs().div_ceil(unit);
        let at = |number: usize| (units * number / members * unit).min(self.matrix.outputs());
        at(number)..at(number + 1)
    }

    /// Outputs of one task of many tokens.
    fn task_outputs<I: Isa>(&self, members: usize) -> usize {
        if self.matrix.kind.parts::<I>() > 0 {
            // Two panels at a time. The tokens' parts take more room than the rows, and are read once for each task: few tasks.
            let pair_bytes = self.matrix.inputs() * PANEL * 4;
            let most = (self.matrix.outputs() / (4 * PANEL * members)).max(1);
            return (I::TASK_BYTES / 2 / pair_bytes).clamp(1, most) * 2 * PANEL;
        }
        let (panel_bytes, least) = match self.matrix.kind {
            Kind::Block(_) | Kind::SuperBlock(_) => (self.matrix.inputs() * PANEL * 2, 1),
            _ => (self.matrix.inputs() * PANEL * 4, I::PANELS),
        };
        // Enough tasks for everyone come first, shared panels second.
        let most = (self.matrix.outputs() / (16 * PANEL)).max(least);
        (I::TASK_BYTES / panel_bytes).clamp(least, most) * PANEL
    }

    fn tasks<I: Isa>(&self, members: usize) -> usize {
        self.matrix.outputs().div_ceil(self.task_outputs::<I>(members))
    }

    fn outputs_of_task<I: Isa>(&self, task: usize, members: usize) -> Range<usize> {
        let outputs = self.task_outputs::<I>(members);
        let first = task * outputs;
        first..(first + outputs).min(self.matrix.outputs())
    }

    /// The bytes that a task reads, where they lie in one piece.
    fn bytes_of_task<I: Isa>(&self, task: usize, members: usize) -> &'a [u8] {
        if self.units::<I>().is_some() {
            &[]
        } else {
            self.matrix.rows(self.outputs_of_task::<I>(task, members))
        }
    }

    /// What is to be asked for, in at most `parts`.
    #[inline(always)]
    pub(super) fn ahead_in(&self, parts: usize) -> std::slice::Chunks<'a, u8> {
        self.ahead.chunks(self.ahead.len().div_ceil(parts).max(1))
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
        let inputs = self.matrix.inputs();
        let mut numbers = std::mem::take(&mut desk.rows);
        numbers.grow(PANEL * panels::row_stride(inputs));
        let sources = raw.chunks(PANEL * inputs * E::SIZE);
        self.tiles(isa, outputs, sources, desk, |raw, panel| {
            let count = raw.len() / (inputs * E::SIZE);
            isa.run(
                #[inline(always)]
                || {
                    panels::read::<I, E>(isa, raw, inputs, &mut numbers);
                    panels::pack(isa, &numbers, count, inputs, panel);
                },
            );
        });
        desk.rows = numbers;
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
        self.tiles(isa, outputs.clone(), outputs.step_by(PANEL), desk, |output, panel| {
            isa.run(
                #[inline(always)]
                || units::pack::<I, E>(isa, stored, output, panel),
            );
        });
    }

    /// Packs a panel from each of `sources`, and lets every tile of tokens meet every panel while both are in the caches.
    fn tiles<I: Isa, S>(
        &self,
        isa: I,
        outputs: Range<usize>,
        sources: impl Iterator<Item = S>,
        desk: &mut Desk,
        mut pack: impl FnMut(S, &mut [f32]),
    ) {
        let own = panels::panel_len(self.matrix.inputs());
        let count = outputs.len().div_ceil(PANEL);
        desk.panels.grow(count * own);
        let panels = &mut desk.panels[..count * own];
        sources.zip(panels.chunks_exact_mut(own)).for_each(|(source, panel)| pack(source, panel));
        self.walk::<I, _>(outputs, panels, own, I::PANELS, |product, panel, outputs, tile| {
            isa.run(
                #[inline(always)]
                || panels::tile(isa, product, panel, outputs, tile, &mut desk.classes),
            );
        });
    }

    /// Lets every tile of tokens meet every panel, which are `own` items each, `together` at a time; `meet` is given the
    /// product with the part of what is ahead that is to be asked for meanwhile, the panels, their outputs, and the tile.
    fn walk<I: Isa, P>(
        &self,
        outputs: Range<usize>,
        panels: &[P],
        own: usize,
        together: usize,
        mut meet: impl FnMut(&Self, &[P], (usize, usize), (usize, usize)),
    ) {
        let walks = panels.len().div_ceil(own * together);
        let mut ahead = self.ahead_in(walks * self.input.tokens.div_ceil(I::TILE));
        for tile in tiles_of(self.input.tokens, I::TILE) {
            let panels = panels.chunks(own * together);
            for (output, panels) in outputs.clone().step_by(PANEL * together).zip(panels) {
                let product = Self { ahead: ahead.next().unwrap_or(&[]), ..*self };
                meet(&product, panels, (output, (PANEL * together).min(outputs.end - output)), tile);
            }
        }
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
            self.tiles(isa, outputs, raw.chunks(PANEL * length), desk, |raw, panel| {
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

    fn block<I: Isa, B: Block>(&self, isa: I, outputs: Range<usize>, raw: &[u8], desk: &mut Desk) {
        debug_assert_eq!(self.matrix.tensor.dtype(), B::DTYPE);
        if self.is_few::<I>() {
            return isa.run(
                #[inline(always)]
                || block_rows::few::<I, B>(isa, self, outputs, raw),
            );
        }
        let Desk { quads, pairs, signed, classes, .. } = desk;
        if I::TILED {
            let panels = self.packed_groups::<I, B, _>(isa, &outputs, raw, signed, &EMPTY_SIGNED);
            self.block_tiles::<I, B>(isa, outputs, panels, classes);
        } else if const { B::BITS <= I::QUAD_BITS } {
            let panels = self.packed_groups::<I, B, _>(isa, &outputs, raw, quads, &EMPTY_QUADS);
            self.block_panels::<I, B, _>(isa, outputs, panels, classes);
        } else {
            let panels = self.packed_groups::<I, B, _>(isa, &outputs, raw, pairs, &EMPTY_PAIRS);
            self.block_panels::<I, B, _>(isa, outputs, panels, classes);
        }
    }

    /// The panels of `outputs` in groups.
    fn packed_groups<'d, I: Isa, B: Block, C: Keep<B> + Clone>(
        &self,
        isa: I,
        outputs: &Range<usize>,
        raw: &[u8],
        panels: &'d mut Vec<GroupPanel<C>>,
        empty: &GroupPanel<C>,
    ) -> &'d [GroupPanel<C>] {
        let pack = |raw: &[u8], count, panel: &mut [GroupPanel<C>]| {
            isa.run(
                #[inline(always)]
                || block_panels::pack::<I, B, C>(isa, raw, count, panel),
            );
        };
        self.packed(outputs, raw, groups(self.matrix.inputs()), panels, empty, pack)
    }

    /// The panels of `outputs`, whose stored rows are `raw`, `own` items each; `pack` is given the rows of one, how many, and
    /// room.
    fn packed<'d, P: Clone>(
        &self,
        outputs: &Range<usize>,
        raw: &[u8],
        own: usize,
        panels: &'d mut Vec<P>,
        empty: &P,
        pack: impl Fn(&[u8], usize, &mut [P]),
    ) -> &'d [P] {
        let count = outputs.len().div_ceil(PANEL);
        if panels.len() < count * own {
            panels.resize(count * own, empty.clone());
        }
        let length = self.matrix.tensor.stored_row_bytes();
        let panels = &mut panels[..count * own];
        for (raw, panel) in raw.chunks(PANEL * length).zip(panels.chunks_exact_mut(own)) {
            pack(raw, raw.len() / length, panel);
        }
        panels
    }

    fn block_panels<I: Isa, B: Block, C: Meet<B>>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[GroupPanel<C>],
        classes: &mut Classes,
    ) {
        self.walk::<I, _>(
            outputs,
            panels,
            groups(self.matrix.inputs()),
            1,
            |product, panel, outputs, tile| {
                isa.run(
                    #[inline(always)]
                    || block_panels::tile::<I, B, C>(isa, product, panel, outputs, tile, classes),
                );
            },
        );
    }

    fn block_tiles<I: Isa, B: Block>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[GroupPanel<Signed>],
        classes: &mut Classes,
    ) {
        let own = groups(self.matrix.inputs());
        self.walk_tiles(isa, outputs, panels, own, |tiles, product, panel, outputs, tokens| {
            isa.run(
                #[inline(always)]
                || block_tiles::tile::<I, B>(isa, tiles, product, panel, outputs, tokens, classes),
            );
        });
    }

    /// As [`Product::walk`] where tokens meet panels in tiles of the machine's.
    fn walk_tiles<I: Isa, P>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[P],
        own: usize,
        mut meet: impl FnMut(&I::Tiles, &Self, &[P], (usize, usize), (usize, usize)),
    ) {
        let mut ahead = self.ahead_in(panels.len() / own * self.input.tokens.div_ceil(TILE_TOKENS));
        for token in (0..self.input.tokens).step_by(TILE_TOKENS) {
            let tokens = (self.input.tokens - token).min(TILE_TOKENS);
            isa.tiled(tokens, |tiles| {
                for (output, panel) in outputs.clone().step_by(PANEL).zip(panels.chunks_exact(own)) {
                    let product = Self { ahead: ahead.next().unwrap_or(&[]), ..*self };
                    let outputs = (output, PANEL.min(outputs.end - output));
                    meet(tiles, &product, panel, outputs, (token, tokens));
                }
            });
        }
    }

    fn super_block<I: Isa, B: SuperBlock>(&self, isa: I, outputs: Range<usize>, raw: &[u8], desk: &mut Desk) {
        debug_assert_eq!(self.matrix.tensor.dtype(), B::DTYPE);
        if self.is_few::<I>() {
            return isa.run(
                #[inline(always)]
                || super_rows::few::<I, B>(isa, self, outputs, raw),
            );
        }
        if I::TILED {
            let panels = self.packed_spans::<I, B, _>(isa, &outputs, raw, &mut desk.cut, &EMPTY_CUT);
            let own = self.matrix.inputs() / SPAN;
            self.walk_tiles(isa, outputs, panels, own, |tiles, product, panel, outputs, tokens| {
                isa.run(
                    #[inline(always)]
                    || super_tiles::tile::<I, B>(isa, tiles, product, panel, outputs, tokens),
                );
            });
        } else if const { super_block::wants_words(B::DTYPE) } {
            let panels = self.packed_spans::<I, B, _>(isa, &outputs, raw, &mut desk.numbers, &EMPTY_NUMBERS);
            self.super_panels::<I, B, _>(isa, outputs, panels);
        } else {
            let panels = self.packed_spans::<I, B, _>(isa, &outputs, raw, &mut desk.scaled, &EMPTY_SCALED);
            self.super_panels::<I, B, _>(isa, outputs, panels);
        }
    }

    /// The same in spans.
    fn packed_spans<'d, I: Isa, B: SuperBlock, C: KeepSpan<B> + Clone>(
        &self,
        isa: I,
        outputs: &Range<usize>,
        raw: &[u8],
        panels: &'d mut Vec<SpanPanel<C>>,
        empty: &SpanPanel<C>,
    ) -> &'d [SpanPanel<C>] {
        let pack = |raw: &[u8], count, panel: &mut [SpanPanel<C>]| {
            isa.run(
                #[inline(always)]
                || super_panels::pack::<I, B, C>(isa, raw, count, panel),
            );
        };
        self.packed(outputs, raw, self.matrix.inputs() / SPAN, panels, empty, pack)
    }

    fn super_panels<I: Isa, B: SuperBlock, C: MeetSpan<B>>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[SpanPanel<C>],
    ) {
        self.walk::<I, _>(
            outputs,
            panels,
            self.matrix.inputs() / SPAN,
            1,
            |product, panel, outputs, tile| {
                isa.run(
                    #[inline(always)]
                    || super_panels::tile::<I, B, C>(isa, product, panel, outputs, tile),
                );
            },
        );
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

/// The tokens of a forward in as few tiles of at most `most` as do, none much smaller than the others: the first of each,
/// and how many.
fn tiles_of(tokens: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = tokens.div_ceil(most);
    let first = move |tile: usize| tokens * tile / tiles;
    (0..tiles).map(move |tile| (first(tile), first(tile + 1) - first(tile)))
}

/// Makes `buffer` at least `len` long; what it holds stays.
pub(super) fn grow<T: Clone>(buffer: &mut Vec<T>, len: usize, filler: T) {
    if buffer.len() < len {
        buffer.resize(len, filler);
    }
}

/// Does `products`, none of which reads what another writes, in one phase. Where tokens are few, members that have to wait
/// ask for what is `next`.
pub(crate) fn multiply<I: Isa>(
    isa: I,
    member: &Member<'_>,
    desk: &mut Desk,
    products: &[Product<'_>],
    mut next: Next<'_>,
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
    member.each(tasks, |task| {
        if let Some((product, own)) = find(task) {
            // Tasks take about the same time, so that this member's next is likely the one after the others'.
            let next = find(task + members);
            let ahead =
                next.map_or(&[] as &[u8], |(product, task)| product.bytes_of_task::<I>(task, members));
            Product { ahead, ..*product }.run(isa, product.outputs_of_task::<I>(own, members), desk);
        }
    });
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
