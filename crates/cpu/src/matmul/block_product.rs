//! Which kernels do a task of a product with a matrix of a block type.

use std::ops::Range;

use super::block::Block;
use super::block_lanes::{self, EMPTY_ROWS, Rows};
use super::block_panels::{self, EMPTY_PAIRS, EMPTY_QUADS, GroupPanel, Keep, Meet};
use super::block_rows;
use super::block_tiles::{self, EMPTY_SIGNED, Signed};
use super::product::{Classes, Desk, Product};
use super::streams::few;
use super::super_block::SuperBlock;
use super::super_panels::{self, EMPTY_HALVES, EMPTY_NUMBERS, EMPTY_SCALED, KeepSpan, MeetSpan, SpanPanel};
use super::super_rows;
use super::super_tiles::{self, EMPTY_CUT};
use crate::arch::Isa;
use crate::code_tiles::Tiling;
use crate::groups::groups;
use crate::span_codes::SPAN;

impl Product<'_> {
    pub(super) fn block<I: Isa, B: Block>(&self, isa: I, outputs: Range<usize>, raw: &[u8], desk: &mut Desk) {
        debug_assert_eq!(self.matrix.tensor.dtype(), B::DTYPE);
        if self.is_few::<I>() {
            return isa.run(
                #[inline(always)]
                || few::<I, block_rows::Rows<B>>(isa, self, outputs, raw),
            );
        }
        let Desk { quads, pairs, signed, rows_of_codes, classes, .. } = desk;
        if I::LANED && self.input.is_laned() {
            let panels = self.packed_groups::<I, B, _>(isa, &outputs, raw, rows_of_codes, &EMPTY_ROWS);
            self.block_lanes::<I, B>(isa, outputs, panels, classes);
        } else if I::TILED {
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

    fn block_panels<I: Isa, B: Block, C: Meet<B>>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[GroupPanel<C>],
        classes: &mut Classes,
    ) {
        let tiling = Tiling::new(self.input.tokens, I::TILE);
        self.walk(tiling, outputs, panels, groups(self.matrix.inputs()), 1, |panel, meeting| {
            isa.run(
                #[inline(always)]
                || block_panels::tile::<I, B, C>(isa, self, panel, meeting, classes),
            );
        });
    }

    fn block_lanes<I: Isa, B: Block>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[GroupPanel<Rows>],
        classes: &mut Classes,
    ) {
        let tiling = Tiling::in_lanes(self.input.tokens);
        self.walk(tiling, outputs, panels, groups(self.matrix.inputs()), 1, |panel, meeting| {
            isa.run(
                #[inline(always)]
                || block_lanes::tile::<I, B>(isa, self, panel, meeting, classes),
            );
        });
    }

    fn block_tiles<I: Isa, B: Block>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[GroupPanel<Signed>],
        classes: &mut Classes,
    ) {
        let own = groups(self.matrix.inputs());
        self.walk_tiles(isa, outputs, panels, own, |tiles, panel, meeting| {
            isa.run(
                #[inline(always)]
                || block_tiles::tile::<I, B>(isa, tiles, self, panel, meeting, classes),
            );
        });
    }

    pub(super) fn super_block<I: Isa, B: SuperBlock>(
        &self,
        isa: I,
        outputs: Range<usize>,
        raw: &[u8],
        desk: &mut Desk,
    ) {
        debug_assert_eq!(self.matrix.tensor.dtype(), B::DTYPE);
        if self.is_few::<I>() {
            return isa.run(
                #[inline(always)]
                || few::<I, super_rows::Rows<B>>(isa, self, outputs, raw),
            );
        }
        if I::TILED {
            let panels = self.packed_spans::<I, B, _>(isa, &outputs, raw, &mut desk.cut, &EMPTY_CUT);
            let own = self.matrix.inputs() / SPAN;
            self.walk_tiles(isa, outputs, panels, own, |tiles, panel, meeting| {
                isa.run(
                    #[inline(always)]
                    || super_tiles::tile::<I, B>(isa, tiles, self, panel, meeting),
                );
            });
        } else if const { B::BITS > I::QUAD_BITS } {
            let panels = self.packed_spans::<I, B, _>(isa, &outputs, raw, &mut desk.numbers, &EMPTY_NUMBERS);
            self.super_panels::<I, B, _>(isa, outputs, panels);
        } else if !B::SHIFTED {
            let panels = self.packed_spans::<I, B, _>(isa, &outputs, raw, &mut desk.halves, &EMPTY_HALVES);
            self.super_panels::<I, B, _>(isa, outputs, panels);
        } else {
            let panels = self.packed_spans::<I, B, _>(isa, &outputs, raw, &mut desk.scaled, &EMPTY_SCALED);
            self.super_panels::<I, B, _>(isa, outputs, panels);
        }
    }

    /// The panels of `outputs` in spans.
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
        let tiling = Tiling::new(self.input.tokens, I::TILE);
        self.walk(tiling, outputs, panels, self.matrix.inputs() / SPAN, 1, |panel, meeting| {
            isa.run(
                #[inline(always)]
                || super_panels::tile::<I, B, C>(isa, self, panel, meeting),
            );
        });
    }
}
