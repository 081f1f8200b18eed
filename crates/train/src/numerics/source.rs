//! Where the numerics take parameters from: one flat vector, or weights as they are stored, a part at a time.

use std::ops::Range;

use rayon::prelude::*;
use wkv7_core::{Layout as Order, Tensor, Weights};

use crate::layout::Layout;
use crate::{Entry, Error, files};

/// Parameters in the places of a [`Layout`].
pub(crate) trait Source<R>: Sync {
    /// All of them, where they lie in one vector.
    fn flat(&self) -> Option<&[R]>;

    /// How many numbers the layout has.
    fn len(&self) -> usize;

    /// Writes the numbers at `range`, which cuts no tensor, to `out`.
    fn read(&self, range: Range<usize>, out: &mut Vec<R>);

    /// The row of the embedding that belongs to `token`.
    fn embedding(&self, token: usize, out: &mut [R]);
}

/// A flat vector, whose first numbers are the embedding.
pub(crate) struct Flat<'a, R>(pub(crate) &'a [R]);

impl<R: Copy + Sync> Source<R> for Flat<'_, R> {
    fn flat(&self) -> Option<&[R]> {
        Some(self.0)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, range: Range<usize>, out: &mut Vec<R>) {
        out.clear();
        out.extend_from_slice(&self.0[range]);
    }

    fn embedding(&self, token: usize, out: &mut [R]) {
        out.copy_from_slice(&self.0[token * out.len()..(token + 1) * out.len()]);
    }
}

/// Weights of any element type that stay as they are: f32 is made of one layer at a time, and of the head.
#[derive(Debug, Clone)]
pub struct Frozen {
    weights: Weights,
    layout: Layout,
}

impl Frozen {
    /// Cloned weights share their bytes, so that none is copied.
    ///
    /// # Errors
    /// [`Error::Sizes`] and [`Error::Model`] for weights that have no layout.
    pub fn new(weights: Weights) -> Result<Self, Error> {
        let layout = Layout::of(&weights)?;
        for entry in layout.entries() {
            if let Some(tensor) = weights.tensors().get(&entry.name) {
                files::check_shape(entry, tensor)?; // so that reading cannot fail
            }
        }
        Ok(Self { weights, layout })
    }

    /// The weights.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Where they would lie in one vector.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl Source<f32> for Frozen {
    fn flat(&self) -> Option<&[f32]> {
        None
    }

    fn len(&self) -> usize {
        self.layout.len()
    }

    fn read(&self, range: Range<usize>, out: &mut Vec<f32>) {
        out.clear();
        out.resize(range.len(), 0.0);
        let entries = self.layout.entries();
        let first = entries.partition_point(|entry| entry.range.end <= range.start);
        for Entry { name, range: at, .. } in entries[first..].iter().take_while(|e| e.range.end <= range.end)
        {
            if let Some(tensor) = self.weights.tensors().get(name) {
                numbers(tensor, &mut out[at.start - range.start..at.end - range.start]);
            }
        }
    }

    fn embedding(&self, token: usize, out: &mut [f32]) {
        self.weights.emb.read_row(token, out);
    }
}

/// All numbers of a tensor, row by row, many rows at once.
pub(crate) fn numbers(tensor: &Tensor, out: &mut [f32]) {
    match tensor.layout() {
        Order::Rows => {
            let columns = tensor.stored_columns();
            let rows = out.par_chunks_exact_mut(columns).with_min_len((1 << 14) / columns + 1);
            rows.enumerate().for_each(|(row, out)| tensor.read_stored_row(row, out));
        }
        // Thin matrices only.
        Order::Transposed => out.copy_from_slice(&tensor.to_f32()),
    }
}

/// A stretch of the parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a, R> {
    numbers: &'a [R],
    base: usize,
}

impl<'a, R> Part<'a, R> {
    /// What `source` has at `range`: where it lies, or read into `room`.
    pub(crate) fn of(source: &'a dyn Source<R>, range: Range<usize>, room: &'a mut Vec<R>) -> Self {
        match source.flat() {
            Some(numbers) => Self { numbers, base: 0 },
            None => {
                source.read(range.clone(), room);
                Self { numbers: room, base: range.start }
            }
        }
    }

    /// The numbers at `range` of the layout.
    pub(crate) fn get(&self, range: &Range<usize>) -> &'a [R] {
        &self.numbers[range.start - self.base..range.end - self.base]
    }
}
