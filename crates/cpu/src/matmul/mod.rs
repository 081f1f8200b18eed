//! Products of matrices with the vectors of all tokens of a forward.
//!
//! The order of every sum depends on the sizes of the matrix alone: a dot product is added up in classes of numbers
//! (`n mod 16` for plain types) or of groups (`g mod 8` for block types), in order within a class, and the classes are
//! folded in halves; Q4_K, Q5_K and Q6_K go block by block, and bf16 on machines that multiply tiles step by step
//! (`part_tiles`). So a token's result is the same, to the bit, whatever the batch, the chunk and the number of threads.
//!
//! | file | what |
//! |---|---|
//! | `kind` | which kernels a matrix takes |
//! | `tasks` | who does which outputs of the products of a phase |
//! | `product`, `block_product` | one product: which kernel does a task, and where outputs go |
//! | `head_size` | outputs that go by head |
//! | `walk` | many tokens: how they meet the panels of a task |
//! | `ahead` | what is asked for while products run |
//! | `element`, `rows`, `panels` | plain numbers: reading them, few tokens, many tokens |
//! | `thin` | plain numbers, many tokens and short rows |
//! | `streams`, `next` | in which order few tokens read rows; what a waiting thread asks for |
//! | `units` | plain numbers stored by input, of which most are zero |
//! | `block`, `block_rows`, `block_panels` | block types in integers: the same |
//! | `block_lanes` | many tokens, one to a lane, on machines that multiply bytes in 512-bit registers |
//! | `block_tiles` | many tokens, on machines that multiply tiles |
//! | `super_block`, `super_rows`, `super_panels`, `super_tiles` | the K types: the same |
//! | `part_tiles` | bf16 on such machines, any number of tokens |
//!
//! Types without a kernel of their own are dequantised row by row and go the way of plain numbers, and so do all
//! block types where `exact` forbids activations in 8 bits.

mod ahead;
mod block;
mod block_lanes;
mod block_panels;
mod block_product;
mod block_rows;
mod block_tiles;
mod element;
mod head_size;
mod kind;
mod next;
mod panels;
mod part_tiles;
mod product;
mod rows;
mod streams;
mod super_block;
mod super_panels;
mod super_rows;
mod super_tiles;
mod tasks;
mod thin;
mod units;
mod walk;

pub(crate) use ahead::Meanwhile;
pub(crate) use head_size::HeadSize;
pub(crate) use kind::Kind;
pub(crate) use next::Next;
pub(crate) use product::{Desk, Product, Then, dot};
pub(crate) use tasks::multiply;
pub(crate) use units::{Active, STRIP, Units, fill};

#[cfg(test)]
mod tests;
