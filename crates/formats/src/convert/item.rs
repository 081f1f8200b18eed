//! One tensor on its way into a file.

use rayon::prelude::*;
use wkv7_core::blocks::{QuantizeError, quantize};
use wkv7_core::{Dtype, Error, Layout, Tensor};

use super::Numbers;
use crate::Problem;

/// Bytes made or copied at once: enough work for all cores, little memory.
const CHUNK: usize = 4 << 20;

/// A tensor as it will stand in the target.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// Its name there.
    name: String,
    /// Its shape there, slowest dimension first.
    shape: Vec<usize>,
    /// Its type there.
    dtype: Dtype,
    source: Source<'a>,
    /// Size there.
    bytes: u64,
}

/// What a tensor is made of.
#[derive(Debug)]
enum Source<'a> {
    /// Tensors, one after another, each in its logical order.
    Parts(Vec<Tensor>),
    /// Numbers in memory, for a plain type.
    Numbers(&'a [f32]),
}

impl<'a> Item<'a> {
    /// `parts` of equal row length in sequence, as `dtype`.
    pub(super) fn new(
        name: String,
        shape: Vec<usize>,
        dtype: Dtype,
        parts: Vec<Tensor>,
    ) -> Result<Self, Problem> {
        let mut bytes = 0u64;
        for part in &parts {
            let row = dtype.row_bytes(part.columns()).ok_or_else(|| Error::RowNotWholeBlocks {
                name: name.clone(),
                dtype,
                block: dtype.block_len(),
                columns: part.columns(),
            })?;
            // No overflow: a tensor's numbers are countable and no type takes more than eight bytes for one.
            bytes = bytes.saturating_add((row as u64).saturating_mul(part.rows() as u64));
        }
        Ok(Self { name, shape, dtype, source: Source::Parts(parts), bytes })
    }

    /// Numbers in memory, as `dtype`.
    pub(super) fn numbers(numbers: &Numbers<'a>, dtype: Dtype) -> Result<Self, Problem> {
        let Numbers { name, shape, values } = *numbers;
        let bad = |problem: String| Error::BadTensor { name: name.to_owned(), problem };
        if dtype.is_block() {
            return Err(Problem::Unsupported(format!("tensors alone are F64 F32 F16 BF16, not {dtype}")));
        }
        if shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n)) != Some(values.len()) {
            return Err(bad(format!("shape {shape:?} for {} numbers", values.len())).into());
        }
        let bytes = dtype.row_bytes(values.len()).ok_or_else(|| bad("larger than any memory".to_owned()))?;
        let (name, shape) = (name.to_owned(), shape.to_vec());
        Ok(Self { name, shape, dtype, source: Source::Numbers(values), bytes: bytes as u64 })
    }

    /// Its name in the target.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its shape in the target.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its type in the target.
    pub(super) fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Its size in the target.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hands all bytes to `sink`, a chunk at a time.
    pub(super) fn write(&self, sink: &mut dyn FnMut(&[u8]) -> Result<(), Problem>) -> Result<(), Problem> {
        let parts = match &self.source {
            Source::Parts(parts) => parts,
            Source::Numbers(values) => return self.write_numbers(values, sink),
        };
        for part in parts {
            let same = part.dtype() == self.dtype;
            match part.layout() {
                Layout::Rows if same => part.bytes().as_slice().chunks(CHUNK).try_for_each(&mut *sink)?,
                Layout::Rows => self.write_rows(part, sink)?,
                Layout::Transposed if same && !self.dtype.is_block() => sink(&turned(part))?,
                Layout::Transposed => {
                    // Thin matrices only: small enough to be held.
                    let held = Tensor::from_f32(&self.name, part.shape(), &part.to_f32())?;
                    self.write_rows(&held, sink)?;
                }
            }
        }
        Ok(())
    }

    /// Converts `part`, many rows at once.
    fn write_rows(
        &self,
        part: &Tensor,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let (rows, columns) = (part.rows(), part.columns());
        // Checked by `new`.
        let row_bytes = self.dtype.row_bytes(columns).unwrap_or(0).max(1);
        let at_once = (CHUNK / row_bytes).clamp(1, rows);
        let mut buffer = vec![0; at_once * row_bytes];
        for start in (0..rows).step_by(at_once) {
            let buffer = &mut buffer[..at_once.min(rows - start) * row_bytes];
            buffer
                .par_chunks_exact_mut(row_bytes)
                .with_min_len(CHUNK / 64 / row_bytes + 1)
                .enumerate()
                .try_for_each_init(
                    || vec![0.0; columns],
                    |values, (row, out)| {
                        part.read_stored_row(start + row, values);
                        quantize(self.dtype, values, out).map_err(|error| self.refused(start + row, &error))
                    },
                )?;
            sink(buffer)?;
        }
        Ok(())
    }

    /// Converts numbers of a plain type, which has no rows.
    fn write_numbers(
        &self,
        values: &[f32],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        const SHARE: usize = 1 << 14; // numbers that one task converts
        const FEW: usize = 1 << 20; // numbers for which no other thread is woken, or even started
        let size = self.dtype.block_bytes();
        let at_once = CHUNK / size;
        let few = values.len() <= FEW;
        let mut buffer = vec![0; at_once.min(values.len()) * size];
        for (n, values) in values.chunks(at_once).enumerate() {
            let buffer = &mut buffer[..values.len() * size];
            let convert = |(share, (out, values)): (usize, (&mut [u8], &[f32]))| {
                let problem = |error| format!("from number {}: {error}", n * at_once + share * SHARE);
                quantize(self.dtype, values, out)
                    .map_err(|error| Error::BadTensor { name: self.name.clone(), problem: problem(error) })
            };
            if few {
                convert((0, (&mut *buffer, values)))?;
            } else {
                let shares = buffer.par_chunks_mut(SHARE * size).zip(values.par_chunks(SHARE));
                shares.enumerate().try_for_each(convert)?;
            }
            sink(buffer)?;
        }
        Ok(())
    }

    fn refused(&self, row: usize, error: &QuantizeError) -> Error {
        Error::BadTensor { name: self.name.clone(), problem: format!("row {row}: {error}") }
    }
}

/// The bytes of a transposed tensor of plain numbers in its logical order.
fn turned(tensor: &Tensor) -> Vec<u8> {
    let size = tensor.dtype().block_bytes();
    let (rows, columns) = (tensor.rows(), tensor.columns());
    let stored = tensor.bytes().as_slice();
    let mut out = Vec::with_capacity(stored.len());
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let at = (column * rows + row) * size;
        out.extend_from_slice(&stored[at..at + size]);
    }
    out
}
