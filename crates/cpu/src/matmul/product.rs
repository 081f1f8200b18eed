//! One product, cut into tasks.

use std::ops::Range;

use wkv7_core::Dtype;
use wkv7_core::blocks::dequantize;

use super::ahead::Ahead;
use super::block::{self, Pairs, Quads};
use super::block_lanes::RowCodes;
use super::block_panels::GroupPanel;
use super::block_tiles::Signed;
use super::element::{self, Element, Singles, Terms};
use super::head_size::HeadSize;
use super::kind::Kind;
use super::super_block;
use super::super_panels::{Numbers, ScaledHalves, ScaledQuads, SpanPanel};
use super::super_tiles::Cut;
use super::units::{self, Active, Order, Units};
use super::{panels, part_tiles, rows};
use crate::activations::{Input, stride};
use crate::aligned::Aligned;
use crate::arch::{Isa, LANES, MAX_TILE, PANEL};
use crate::code_tiles::Tiling;
use crate::exp::{sigmoid, tanh};
use crate::part_tiles::Line;
use crate::team::Shared;
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
    pub(super) out: Shared<'a>, // [tokens, outputs], or by head
    pub(super) apart: usize,    // from one token's outputs to the next one's, where they do not go by head
    pub(super) by_head: Option<HeadSize>,
    pub(super) then: Then,
    pub(super) active: Option<&'a Active>,
    pub(super) ahead: Ahead<'a>,
}

/// Room for the sums of every class of a tile's tokens and of two panels, one to a row of a panel; or of the rows of a panel, one
/// to a token.
pub(super) type Classes = [[f32; PANEL]; LANES * MAX_TILE * 2];

/// What one thread needs room for.
pub(crate) struct Desk {
    rows: Aligned,
    panels: Aligned,
    pub(super) classes: Box<Classes>,
    pub(super) quads: Vec<GroupPanel<Quads>>,
    pub(super) pairs: Vec<GroupPanel<Pairs>>,
    pub(super) signed: Vec<GroupPanel<Signed>>,
    pub(super) row_codes: Vec<GroupPanel<RowCodes>>,
    pub(super) scaled: Vec<SpanPanel<ScaledQuads>>,
    pub(super) halves: Vec<SpanPanel<ScaledHalves>>,
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
            row_codes: Vec::new(),
            scaled: Vec::new(),
            halves: Vec::new(),
            numbers: Vec::new(),
            cut: Vec::new(),
            tiles: Vec::new(),
        }
    }
}

impl<'a> Product<'a> {
    pub(crate) fn new(matrix: &'a Matrix, input: Input<'a>, out: Shared<'a>, then: Then) -> Self {
        assert_eq!(input.n, matrix.inputs(), "vectors of the matrix's width");
        let apart = matrix.outputs();
        assert!(out.len() >= input.tokens * apart, "room for the outputs of every token");
        Self { matrix, input, out, apart, then, by_head: None, active: None, ahead: Ahead::default() }
    }

    /// The same product, told which of the inputs are not zero: where the matrix is stored by unit, only those are read.
    pub(crate) fn with_active(self, active: &'a Active) -> Self {
        Self { active: Some(active), ..self }
    }

    /// The same product, whose outputs lie [`stride`] apart.
    pub(crate) fn apart(self) -> Self {
        let apart = stride(self.matrix.outputs());
        assert!(self.out.len() >= self.input.tokens * apart, "room for the outputs of every token");
        Self { apart, ..self }
    }

    /// The same product, whose outputs go by head where that is asked for: `[heads, tokens, head size]`.
    pub(crate) fn by_head(self, by_head: Option<HeadSize>) -> Self {
        Self { by_head, ..self }
    }

    /// Where the outputs of one token from `output` on go, as many as a panel gives.
    #[inline(always)]
    fn place(&self, token: usize, output: usize) -> usize {
        match self.by_head {
            Some(head) => head.place(self.input.tokens, token, output),
            None => token * self.apart + output,
        }
    }

    /// Whether the matrix is read in rows, not in panels.
    pub(super) fn is_few<I: Isa>(&self) -> bool {
        self.input.tokens < self.matrix.kind.many::<I>()
    }

    /// The matrix by unit, where few tokens' active units are known or many tokens want panels of it.
    pub(super) fn units<I: Isa>(&self) -> Option<&'a Units> {
        let wanted =
            self.active.is_some() || !self.is_few::<I>() && self.matrix.kind.order::<I>() == Order::Classes;
        self.matrix.units.as_ref().filter(|_| wanted)
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
        let tiling = Tiling::new(self.input.tokens, I::TILE);
        self.walk(tiling, outputs, panels, own, I::PANELS, |panel, meeting| {
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

    /// Asks for where [`Product::finish`] will write: unless they go by head, tokens lie too far apart for the machine to see what
    /// comes next.
    #[inline(always)]
    pub(super) fn ask_for_outputs<I: Isa>(&self, isa: I, tokens: Range<usize>, outputs: Range<usize>) {
        for token in tokens {
            for output in outputs.clone().step_by(LANES) {
                isa.prefetch_to_write(self.out.address(self.place(token, output)).cast());
            }
        }
    }

    /// Writes the outputs from `output` on of one token.
    #[inline(always)]
    pub(super) fn finish<I: Isa>(&self, isa: I, token: usize, output: usize, sums: &[f32]) {
        debug_assert!(self.by_head.is_none() || sums.len() <= PANEL, "a panel's outputs of one head");
        let start = self.place(token, output);
        // SAFETY: these outputs are this task's alone, and no earlier part of them is used any more.
        let out = unsafe { self.out.part(start..start + sums.len()) };
        self.then.apply(isa, out, sums);
    }
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
