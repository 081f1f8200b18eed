//! Matrices that are multiplied in one dispatch: planned, put on the device, described to the kernel.

use wkv7_core::Tensor;

use crate::element::{Element, Rows};
use crate::pipeline::{SEGMENTS, TILE};
use crate::regions::Region;

/// Workgroups along one side of a dispatch, on every device.
const MAX_GROUPS: usize = 65_535;

/// What happens to a sum before it is stored; the numbers are those of `segment.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Plain,
    Tanh,
    Sigmoid,
    SquaredRelu,
    /// Added to what is there.
    Add,
    /// Sigmoid of the sum and a bias; where in the layer's vectors.
    BiasedSigmoid(usize),
    /// The decay of the sum and a bias, likewise.
    Decay(usize),
    /// Into the logits.
    Logits,
}

impl End {
    fn words(self, row: usize) -> [u32; 2] {
        match self {
            Self::Plain => [0, 0],
            Self::Tanh => [1, 0],
            Self::Sigmoid => [2, 0],
            Self::SquaredRelu => [3, 0],
            Self::Add => [4, 0],
            Self::BiasedSigmoid(bias) => [5, (bias + row) as u32],
            Self::Decay(bias) => [6, (bias + row) as u32],
            Self::Logits => [7, 0],
        }
    }
}

/// A matrix, `[outputs, inputs]`, with where its input comes from and its output goes.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    pub(crate) tensor: Tensor,
    pub(crate) from: Region,
    pub(crate) to: Region,
    pub(crate) end: End,
}

/// What activations are multiplied by where they become F16: the largest, squares of the channel mix, may pass what F16
/// holds, and the smallest that matter beside others are far above its least.
const INPUT_SCALE: f32 = 1.0 / 64.0;

/// Rows of one matrix within a part.
#[derive(Debug, Clone)]
struct Piece {
    matrix: usize,
    rows: std::ops::Range<usize>,
    first_byte: usize,
}

/// What one dispatch multiplies: matrices of one element type, or as much of them as one binding shows.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) element: Element,
    pub(crate) bytes: usize,
    strip: u32,
    exact: bool,
    matrices: Vec<Matrix>,
    pieces: Vec<Piece>,
}

/// Sorts `matrices` into as few parts as their types and `limit`, in bytes, allow.
pub(crate) fn plan(matrices: Vec<Matrix>, exact: bool, limit: u64, strip: u32) -> Vec<Part> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut parts: Vec<Part> = Vec::new();
    for matrix in matrices {
        let element = Element::of(&matrix.tensor, exact);
        let (rows, row_bytes) = (matrix.tensor.rows(), element.row_bytes(matrix.tensor.columns()));
        let mut first = 0;
        while first < rows {
            let last = parts.iter_mut().rfind(|part| part.element == element);
            let part = match last.filter(|part| part.room(limit, row_bytes) > 0) {
                Some(part) => part,
                None => {
                    parts.push(Part {
                        element,
                        bytes: 0,
                        strip,
                        exact,
                        matrices: Vec::new(),
                        pieces: Vec::new(),
                    });
                    let Some(part) = parts.last_mut() else { break };
                    part
                }
            };
            // A row that is larger than a binding stays whole, and the device will refuse it in its own words.
            let count = part.room(limit, row_bytes).clamp(1, rows - first);
            let piece =
                Piece { matrix: part.matrices.len(), rows: first..first + count, first_byte: part.bytes };
            part.pieces.push(piece);
            part.matrices.push(matrix.clone());
            part.bytes += count * row_bytes;
            first += count;
        }
    }
    parts
}

impl Part {
    /// Whether its numbers may become F16 where many tokens meet it.
    pub(crate) fn allows_halves(&self) -> bool {
        !self.exact && self.element != Element::F32
    }

    /// Rows of `row_bytes` that still fit.
    fn room(&self, limit: usize, row_bytes: usize) -> usize {
        let groups = MAX_GROUPS - self.groups(self.strip).min(MAX_GROUPS);
        if self.pieces.len() == SEGMENTS {
            0
        } else {
            (limit.saturating_sub(self.bytes) / row_bytes).min(groups)
        }
    }

    /// Workgroups of strips, and of tiles.
    pub(crate) fn workgroups(&self) -> [usize; 2] {
        [self.strip, TILE].map(|rows| self.groups(rows))
    }

    /// Workgroups of `rows` rows that it takes.
    fn groups(&self, rows: u32) -> usize {
        self.pieces.iter().map(|piece| piece.rows.len().div_ceil(rows as usize)).sum()
    }

    /// The words of the kernel's parameters. `rows_word` says which word of the steps counts the rows of activations.
    pub(crate) fn params(&self, rows_word: u32) -> Vec<u32> {
        let mut words = vec![self.pieces.len() as u32, rows_word, INPUT_SCALE.to_bits(), 0];
        let (mut strips, mut tiles) = (0, 0);
        for piece in &self.pieces {
            let Matrix { tensor, from, to, end } = &self.matrices[piece.matrix];
            let (rows, first) = (piece.rows.len(), piece.rows.start);
            let [end, bias] = end.words(first);
            let sizes = [
                strips,
                tiles,
                rows,
                tensor.columns().div_ceil(8),
                piece.first_byte / 4,
                self.element.row_bytes(tensor.columns()) / 4,
                from.offset,
                from.stride,
                to.offset + first,
                to.stride,
            ];
            words.extend(sizes.map(|size| size as u32));
            words.extend([end, bias]);
            strips += rows.div_ceil(self.strip as usize);
            tiles += rows.div_ceil(TILE as usize);
        }
        words
    }

    /// Gives the bytes of the part in order, in pieces of about `size`, to `sink`, which may stop it.
    ///
    /// # Errors
    /// Those of `sink`.
    pub(crate) fn stream<E>(
        &self,
        size: usize,
        mut sink: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut bytes, mut at) = (Vec::new(), 0);
        for piece in &self.pieces {
            let mut rows = Rows::new(&self.matrices[piece.matrix].tensor, self.element);
            for row in piece.rows.clone() {
                rows.push(row, &mut bytes);
                if bytes.len() >= size {
                    sink(at, &bytes)?;
                    at += bytes.len();
                    bytes.clear();
                }
            }
        }
        if bytes.is_empty() { Ok(()) } else { sink(at, &bytes) }
    }

    /// How its matrices are kept, where that is not as in the file.
    pub(crate) fn conversions(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        self.pieces.iter().filter_map(|piece| {
            let tensor = &self.matrices[piece.matrix].tensor;
            let (kept, is) = (self.element.dtype(), tensor.dtype());
            let bytes = piece.rows.len() * self.element.row_bytes(tensor.columns());
            (kept != is).then(|| (format!("{is} as {kept}"), bytes as u64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regions::Region;

    fn matrix(rows: usize, columns: usize) -> Matrix {
        let numbers: Vec<f32> = (0..rows * columns).map(|n| n as f32).collect();
        let region = Region { offset: 0, stride: 8 };
        let tensor = Tensor::from_f32("m", &[rows, columns], &numbers).expect("valid");
        Matrix { tensor, from: region, to: region, end: End::Plain }
    }

    #[test]
    fn what_fits_one_binding_is_one_part() {
        let parts = plan(vec![matrix(4, 8), matrix(5, 8)], false, 1 << 20, 4);
        assert_eq!(parts.len(), 1);
        assert_eq!((parts[0].bytes, parts[0].workgroups()), (9 * 32, [3, 2]));
    }

    #[test]
    fn a_small_binding_splits_within_a_matrix_and_loses_nothing() {
        let parts = plan(vec![matrix(4, 8), matrix(5, 8)], false, 96, 4);
        assert_eq!(parts.iter().map(|part| part.bytes).collect::<Vec<_>>(), [96, 96, 96]);
        let mut all = Vec::new();
        for part in &parts {
            let done: Result<(), ()> = part.stream(40, |_, bytes| {
                all.extend_from_slice(bytes);
                Ok(())
            });
            done.expect("a sink that never stops");
        }
        let want: Vec<u8> = (0..32).chain(0..40).flat_map(|n| (n as f32).to_le_bytes()).collect();
        assert_eq!(all, want);
        assert_eq!(parts[1].params(0)[0], 2, "the end of one matrix and the begin of the next");
    }

    #[test]
    fn columns_are_filled_up_with_zeros() {
        let mut bytes = Vec::new();
        Rows::new(&matrix(1, 3).tensor, Element::F32).push(0, &mut bytes);
        assert_eq!((bytes.len(), &bytes[12..]), (32, &[0; 20][..]));
    }
}
