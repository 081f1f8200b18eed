//! Which kernels do a task of a product with a matrix of a block type.

use std::ops::Range;

use super::block::Block;
use super::block_lanes::{self, EMPTY_ROW_CODES, RowCodes};
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
        let Desk { quads, pairs, signed, row_codes, classes, .. } = desk;
        if I::LANED && self.input.is_laned() {
            self.block_lanes::<I, B>(isa, outputs, (row_codes, &EMPTY_ROW_CODES), classes);
        } else if I::TILED {
            self.block_tiles::<I, B>(isa, outputs, raw, signed, classes);
        } else if const { B::BITS <= I::QUAD_BITS } {
            self.block_panels::<I, B, _>(isa, outputs, (quads, &EMPTY_QUADS), classes);
        } else {
            self.block_panels::<I, B, _>(isa, outputs, (pairs, &EMPTY_PAIRS), classes);
        }
    }

    fn block_panels<I: Isa, B: Block, C: Meet<B> + Clone>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: (&mut Vec<GroupPanel<C>>, &GroupPanel<C>),
        classes: &mut Classes,
    ) {
        let (tiling, own) = (Tiling::new(self.input.tokens, I::TILE), groups(self.matrix.inputs()));
        self.pack_and_walk(tiling, outputs, own, panels, pack_groups::<I, B, C>(isa), |panel, meeting| {
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
        panels: (&mut Vec<GroupPanel<RowCodes>>, &GroupPanel<RowCodes>),
        classes: &mut Classes,
    ) {
        let (tiling, own) = (Tiling::in_lanes(self.input.tokens), groups(self.matrix.inputs()));
        self.pack_and_walk(tiling, outputs, own, panels, pack_groups::<I, B, _>(isa), |panel, meeting| {
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
        raw: &[u8],
        panels: &mut Vec<GroupPanel<Signed>>,
        classes: &mut Classes,
    ) {
        let own = groups(self.matrix.inputs());
        let panels = self.packed(&outputs, raw, own, panels, &EMPTY_SIGNED, pack_groups::<I, B, Signed>(isa));
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
        let Desk { cut, numbers, halves, scaled, .. } = desk;
        if I::TILED {
            let own = self.matrix.inputs() / SPAN;
            let panels = self.packed(&outputs, raw, own, cut, &EMPTY_CUT, pack_spans::<I, B, _>(isa));
            self.walk_tiles(isa, outputs, panels, own, |tiles, panel, meeting| {
                isa.run(
                    #[inline(always)]
                    || super_tiles::tile::<I, B>(isa, tiles, self, panel, meeting),
                );
            });
        } else if const { B::BITS > I::QUAD_BITS } {
            self.super_panels::<I, B, _>(isa, outputs, (numbers, &EMPTY_NUMBERS));
        } else if !B::SHIFTED {
            self.super_panels::<I, B, _>(isa, outputs, (halves, &EMPTY_HALVES));
        } else {
            self.super_panels::<I, B, _>(isa, outputs, (scaled, &EMPTY_SCALED));
        }
    }

    fn super_panels<I: Isa, B: SuperBlock, C: MeetSpan<B> + Clone>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: (&mut Vec<SpanPanel<C>>, &SpanPanel<C>),
    ) {
        let (tiling, own) = (Tiling::new(self.input.tokens, I::TILE), self.matrix.inputs() / SPAN);
        self.pack_and_walk(tiling, outputs, own, panels, pack_spans::<I, B, C>(isa), |panel, meeting| {
            isa.run(
                #[inline(always)]
                || super_panels::tile::<I, B, C>(isa, self, panel, meeting),
            );
        });
    }
}

/// What turns rows, so many of them, into a panel in groups.
fn pack_groups<I: Isa, B: Block, C: Keep<B>>(isa: I) -> impl Fn(&[u8], usize, &mut [GroupPanel<C>]) {
    move |raw, count, panel| {
        isa.run(
            #[inline(always)]
            || block_panels::pack::<I, B, C>(isa, raw, count, panel),
        );
    }
}

/// The same in spans.
fn pack_spans<I: Isa, B: SuperBlock, C: KeepSpan<B>>(isa: I) -> impl Fn(&[u8], usize, &mut [SpanPanel<C>]) {
    move |raw, count, panel| {
        isa.run(
            #[inline(always)]
            || super_panels::pack::<I, B, C>(isa, raw, count, panel),
        );
    }
}
