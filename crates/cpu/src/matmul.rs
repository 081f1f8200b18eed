//! Products of matrices with the vectors of all tokens of a forward.
//!
//! A stored row is dequantised once into a small f32 buffer and then meets every token. Rows that belong to
//! an output are dotted with the tokens (`dot_rows`); rows that belong to an input, as in the official thin
//! matrices, are added up, each times the token's input (`add_rows`).
//!
//! The order of every sum depends on the sizes of the matrix alone. So a token's result is the same, to the
//! bit, whatever the batch, the chunk and the number of threads; it differs between instruction sets only.

mod add_rows;
mod dot_rows;

pub(crate) use dot_rows::{dot, fold};

use crate::arch::Isa;
use crate::threads::{Pool, Shared};
use crate::weights::Matrix;

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
    fn apply(self, out: &mut f32, y: f32) {
        *out = match self {
            Self::Store => y,
            Self::Add => *out + y,
            // Not `max`, which would turn a NaN into zero and hide a broken model.
            Self::SquaredRelu => {
                if y < 0.0 {
                    0.0
                } else {
                    y * y
                }
            }
            Self::Tanh => y.tanh(),
            Self::Sigmoid => sigmoid(y),
        }
    }
}

/// The logistic function.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `out = then(matrix @ x)` for every token.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    matrix: &'a Matrix,
    x: &'a [f32],    // [tokens, inputs]
    out: Shared<'a>, // [tokens, outputs]
    then: Then,
    tokens: usize,
}

impl<'a> Product<'a> {
    /// `x` is `[tokens, inputs]`, `out` `[tokens, outputs]`.
    pub(crate) fn new(matrix: &'a Matrix, x: &'a [f32], out: &'a mut [f32], then: Then) -> Self {
        let tokens = x.len() / matrix.inputs();
        assert_eq!(x.len(), tokens * matrix.inputs(), "numbers of whole tokens");
        assert_eq!(out.len(), tokens * matrix.outputs(), "room for the outputs of every token");
        Self { matrix, x, out: Shared::new(out), then, tokens }
    }

    /// Outputs of one task.
    fn block(&self) -> usize {
        if self.matrix.rows_are_outputs() { dot_rows::BLOCK } else { add_rows::block(self.matrix) }
    }

    fn tasks(&self) -> usize {
        self.matrix.outputs().div_ceil(self.block())
    }

    fn run_task<I: Isa>(&self, isa: I, task: usize, scratch: &mut Vec<f32>) {
        let first = task * self.block();
        let outputs = first..(first + self.block()).min(self.matrix.outputs());
        if self.matrix.rows_are_outputs() {
            isa.run(
                #[inline(always)]
                || dot_rows::task(isa, self, outputs, scratch),
            );
        } else {
            isa.run(
                #[inline(always)]
                || add_rows::task(isa, self, outputs, scratch),
            );
        }
    }
}

/// Does `products`, none of which reads what another writes, in one parallel region.
pub(crate) fn multiply<'a, 'b: 'a, I: Isa>(
    isa: I,
    pool: &Pool,
    products: impl IntoIterator<Item = &'a Product<'b>> + Clone + Sync,
) {
    let tasks = products.clone().into_iter().map(Product::tasks).sum();
    pool.each(tasks, |mut task, scratch| {
        for product in products.clone() {
            let own = product.tasks();
            if task < own {
                return product.run_task(isa, task, scratch);
            }
            task -= own;
        }
    });
}

#[cfg(test)]
mod tests;
