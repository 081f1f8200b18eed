//! Which kernels a matrix takes, and what they want of activations.

use wkv7_core::Dtype;

use super::units::Order;
use super::{block, super_block};
use crate::activations::{CodeForms, Forms, MANY, MANY_CODES};
use crate::arch::{Isa, PANEL, TILE_TOKENS};
use crate::code_tiles::Tiling;
use crate::part_tiles::{MOST_PARTS, STEP};

/// Which kernels a matrix takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    F16,
    BF16,
    /// bf16 in whole steps and panels: as the others; or, where the machine multiplies bf16, in tiles with so many parts of each
    /// activation, or in pairs with one, unless all parts are asked for.
    Parts(usize),
    /// Block types in integers.
    Block(Dtype),
    /// K types in integers.
    SuperBlock(Dtype),
    /// Anything, by way of f32.
    Dequantized,
}

impl Kind {
    /// The kernels for a matrix `[outputs, inputs]` of `dtype`.
    pub(crate) fn of(dtype: Dtype, [outputs, inputs]: [usize; 2], exact: bool) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::BF16 if outputs >= PANEL && inputs >= STEP && inputs.is_multiple_of(STEP) => {
                Self::Parts(if exact { MOST_PARTS } else { MOST_PARTS - 1 })
            }
            Dtype::BF16 => Self::BF16,
            _ if !exact && block::bits(dtype) > 0 => Self::Block(dtype),
            _ if !exact && super_block::bits(dtype) > 0 => Self::SuperBlock(dtype),
            _ => Self::Dequantized,
        }
    }

    /// Whether a matrix of few active inputs can be stored by unit.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16 | Self::Parts(_))
    }

    /// The parts of activations that they take with the instructions `I`, or none.
    pub(super) fn parts<I: Isa>(self) -> usize {
        if let Self::Parts(parts) = self
            && I::TILED
        {
            parts
        } else {
            0
        }
    }

    /// Whether they take activations as pairs of bf16 with the instructions `I`.
    pub(crate) fn is_paired<I: Isa>(self) -> bool {
        I::PAIRED && !I::TILED && matches!(self, Self::Parts(parts) if parts < MOST_PARTS)
    }

    /// The number of tokens from which on they walk panels.
    pub(crate) fn many<I: Isa>(self) -> usize {
        match self {
            Self::Block(_) | Self::SuperBlock(_) => MANY_CODES,
            Self::Parts(_) if I::TILED => TILE_TOKENS + 1,
            _ => MANY,
        }
    }

    /// The order in which products are added up that few active inputs give.
    pub(crate) fn order<I: Isa>(self) -> Order {
        match self.parts::<I>() {
            0 if self.is_paired::<I>() => Order::Pairs,
            0 => Order::Classes,
            parts => Order::Steps(parts),
        }
    }

    /// The forms of activations that they take with the instructions `I`.
    pub(crate) fn forms<I: Isa>(self) -> Forms {
        const { assert!(!(I::LANED && I::TILED), "one form says which tokens a thread puts") };
        let codes = |words: bool| CodeForms {
            wanted: true,
            most: Tiling::most::<I>(),
            words: !I::TILED && words,
            laned: false,
        };
        match self {
            Self::Block(dtype) => {
                let codes = codes(block::bits(dtype) > I::QUAD_BITS);
                Forms { codes: CodeForms { laned: I::LANED, ..codes }, ..Forms::default() }
            }
            Self::SuperBlock(dtype) => {
                Forms { spans: codes(super_block::bits(dtype) > I::QUAD_BITS), ..Forms::default() }
            }
            _ => {
                let (parts, pairs) = (self.parts::<I>(), self.is_paired::<I>());
                Forms { numbers: parts == 0 && !pairs, pairs, parts, ..Forms::default() }
            }
        }
    }
}
