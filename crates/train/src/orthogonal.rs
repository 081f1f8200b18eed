//! Orthonormal columns: the Q of `A = QR` with a positive diagonal of R, which is what
//! `torch.nn.init.orthogonal_` makes of a Gaussian matrix when it fixes the signs.
//!
//! By Cholesky factors (Fukaya, Kannan, Nakatsukasa, Yamamoto and Yanagisawa, 2020): `A'A = R'R`, `Q = A/R`, again
//! while the columns are not orthonormal enough. Unlike reflections, all its work is products of matrices, which
//! read a tall matrix once per pass. Numbers are stored in f32 and summed in f64, in an order that depends on
//! the shape alone.

use rayon::prelude::*;

/// Columns of a tile, and rows: a square of sums that stays in registers.
const TILE: usize = 4;
/// Columns of the Gram matrix that one task makes.
const BAND: usize = 32;
/// Rows of the matrix that are met at once while their products are summed: what the second-level cache holds.
const DEPTH: usize = 64;
/// Rows that one task multiplies by the inverse of R.
const ROWS: usize = 32;
/// The largest element of `Q'Q - I` that is accepted; rounding Q to f32 makes up to 1.2e-7.
const ENOUGH: f64 = 5e-7;

/// Replaces the columns of `a`, `[rows, columns]` with at least as many rows, by orthonormal ones that span the
/// same spaces; whether they were independent enough for that.
pub(crate) fn orthonormalise(a: &mut [f32], columns: usize) -> bool {
    for _ in 0..8 {
        let mut gram = gram(a, columns);
        if departure(&gram) < ENOUGH {
            return true;
        }
        let Some(r) = factor(&mut gram, a.len() / columns) else { return false };
        let inverse = inverse(&r);
        apply(a, &inverse);
        // What the first pass leaves grows with the square of the condition, which these norms bound; where it is
        // small, measuring what is left would cost as much as half a pass and tell nothing.
        if r.square_sum() * inverse.square_sum() * 1e-14 < 1e-7 {
            return true;
        }
    }
    false
}

/// A square matrix in f64, rows padded to whole tiles.
struct Square {
    n: usize,
    stride: usize,
    values: Vec<f64>,
}

impl Square {
    fn zeros(n: usize) -> Self {
        let stride = n.next_multiple_of(TILE);
        Self { n, stride, values: vec![0.0; stride * stride] }
    }

    /// From the diagonal to the end of row `i`.
    fn upper(&self, i: usize) -> &[f64] {
        &self.values[i * self.stride + i..i * self.stride + self.n]
    }

    /// Of the upper triangle.
    fn square_sum(&self) -> f64 {
        (0..self.n).flat_map(|i| self.upper(i)).map(|x| x * x).sum()
    }
}

/// Sums of products of four columns with four: `sums[i][j] = sum_k a[k][i] b[k][j]`. Spelled out, since loops
/// over the four left the sums in memory and took eight times as long.
#[inline]
fn tile(a: &[[f64; TILE]], b: &[[f64; TILE]]) -> [[f64; TILE]; TILE] {
    let [mut s0, mut s1, mut s2, mut s3] = [[0.0; TILE]; TILE];
    for (&[a0, a1, a2, a3], b) in a.iter().zip(b) {
        s0 = plus(s0, a0, b);
        s1 = plus(s1, a1, b);
        s2 = plus(s2, a2, b);
        s3 = plus(s3, a3, b);
    }
    [s0, s1, s2, s3]
}

#[inline(always)]
fn plus(sums: [f64; TILE], a: f64, b: &[f64; TILE]) -> [f64; TILE] {
    [sums[0] + a * b[0], sums[1] + a * b[1], sums[2] + a * b[2], sums[3] + a * b[3]]
}

/// The upper triangle of `A'A`.
fn gram(a: &[f32], columns: usize) -> Square {
    let mut gram = Square::zeros(columns);
    let stride = gram.stride;
    gram.values.par_chunks_mut(BAND * stride).enumerate().for_each(|(band, out)| {
        let first = band * BAND;
        let tiles = (stride - first) / TILE;
        let mut panels = vec![[0.0; TILE]; tiles * DEPTH];
        for rows in a.chunks(DEPTH * columns) {
            let depth = rows.len() / columns;
            for (k, row) in rows.chunks_exact(columns).enumerate() {
                for (panel, values) in panels.chunks_exact_mut(DEPTH).zip(row[first..].chunks(TILE)) {
                    for (to, from) in panel[k].iter_mut().zip(values) {
                        *to = f64::from(*from);
                    }
                }
            }
            let panel = |n: usize| &panels[n * DEPTH..n * DEPTH + depth];
            for i in 0..out.len() / (TILE * stride) {
                for j in i..tiles {
                    for (row, sums) in tile(panel(i), panel(j)).iter().enumerate() {
                        let at = (i * TILE + row) * stride + first + j * TILE;
                        for (to, sum) in out[at..at + TILE].iter_mut().zip(sums) {
                            *to += sum;
                        }
                    }
                }
            }
        }
    });
    gram
}

/// The largest element of the upper triangle less the unit matrix; infinite where one is no number.
fn departure(gram: &Square) -> f64 {
    let mut largest = 0.0f64;
    for i in 0..gram.n {
        for (n, x) in gram.upper(i).iter().enumerate() {
            let off = if n == 0 { (x - 1.0).abs() } else { x.abs() };
            largest = largest.max(if off.is_nan() { f64::INFINITY } else { off });
        }
    }
    largest
}

/// The Cholesky factor; of a matrix that rounding has made indefinite, that of a slightly larger one, which leaves
/// the rest to the next pass. `rows` is the length of the columns.
fn factor(gram: &mut Square, rows: usize) -> Option<Square> {
    if let Some(r) = cholesky(gram) {
        return Some(r);
    }
    let diagonal = |gram: &Square, i: usize| gram.values[i * gram.stride + i];
    let trace: f64 = (0..gram.n).map(|i| diagonal(gram, i)).sum();
    let shift = 11.0 * (rows + gram.n + 1) as f64 * gram.n as f64 * f64::EPSILON / 2.0 * trace;
    for i in 0..gram.n {
        gram.values[i * gram.stride + i] += shift;
    }
    cholesky(gram)
}

/// R, upper triangular with a positive diagonal, of `gram = R'R`; `None` where `gram` is not definite.
fn cholesky(gram: &Square) -> Option<Square> {
    let (n, stride) = (gram.n, gram.stride);
    let mut r = Square::zeros(n);
    for k in 0..n {
        let (above, row) = r.values.split_at_mut(k * stride);
        let row = &mut row[k..n];
        row.copy_from_slice(gram.upper(k));
        for above in above.chunks_exact(stride) {
            let factor = above[k];
            for (to, from) in row.iter_mut().zip(&above[k..n]) {
                *to -= factor * from;
            }
        }
        let pivot = row[0];
        if pivot.is_nan() || pivot <= n as f64 * f64::EPSILON * gram.values[k * stride + k] {
            return None;
        }
        let scale = 1.0 / pivot.sqrt();
        row.iter_mut().for_each(|x| *x *= scale);
    }
    Some(r)
}

/// The inverse of an upper triangle.
fn inverse(r: &Square) -> Square {
    let (n, stride) = (r.n, r.stride);
    let mut inverse = Square::zeros(n);
    for i in (0..n).rev() {
        let (head, below) = inverse.values.split_at_mut((i + 1) * stride);
        let row = &mut head[i * stride + i..i * stride + n];
        let ours = r.upper(i);
        for (k, factor) in ours.iter().enumerate().skip(1) {
            let from = &below[(k - 1) * stride + i + k..(k - 1) * stride + n];
            for (to, from) in row[k..].iter_mut().zip(from) {
                *to -= factor * from;
            }
        }
        let scale = 1.0 / ours[0];
        row.iter_mut().for_each(|x| *x *= scale);
        row[0] = scale;
    }
    inverse
}

/// `a` times an upper triangle.
fn apply(a: &mut [f32], triangle: &Square) {
    let (n, stride) = (triangle.n, triangle.stride);
    // By four columns, down to the diagonal.
    let panels: Vec<Vec<[f64; TILE]>> = (0..stride)
        .step_by(TILE)
        .map(|j| {
            let row = |k: usize| {
                let at = k * stride + j;
                std::array::from_fn(|c| triangle.values[at + c])
            };
            (0..n.min(j + TILE)).map(row).collect()
        })
        .collect();
    a.par_chunks_mut(ROWS * n).for_each(|rows| {
        // Four rows at a time, turned.
        let turned: Vec<Vec<[f64; TILE]>> = rows
            .chunks(TILE * n)
            .map(|four| {
                let at = |k: usize, row: usize| four.get(row * n + k).map_or(0.0, |&x| f64::from(x));
                (0..n).map(|k| std::array::from_fn(|row| at(k, row))).collect()
            })
            .collect();
        for (panel, j) in panels.iter().zip((0..n).step_by(TILE)) {
            let width = TILE.min(n - j);
            for (four, turned) in rows.chunks_mut(TILE * n).zip(&turned) {
                for (row, sums) in four.chunks_exact_mut(n).zip(tile(turned, panel)) {
                    for (to, sum) in row[j..j + width].iter_mut().zip(sums) {
                        *to = sum as f32;
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn gaussian(rows: usize, columns: usize) -> Vec<f32> {
        let mut random = Random::part(5, "gaussian", (rows * columns) as u64);
        (0..rows * columns).map(|_| random.normal() as f32).collect()
    }

    /// Modified Gram-Schmidt, twice, column by column: plain and in f64.
    fn gram_schmidt(a: &[f32], columns: usize) -> Vec<f64> {
        let mut q: Vec<f64> = a.iter().map(|&x| f64::from(x)).collect();
        let rows = a.len() / columns;
        let dot = |q: &[f64], i: usize, j: usize| -> f64 {
            (0..rows).map(|k| q[k * columns + i] * q[k * columns + j]).sum()
        };
        for j in 0..columns {
            for i in (0..j).chain(0..j) {
                let along = dot(&q, i, j);
                (0..rows).for_each(|k| q[k * columns + j] -= along * q[k * columns + i]);
            }
            let norm = dot(&q, j, j).sqrt();
            (0..rows).for_each(|k| q[k * columns + j] /= norm);
        }
        q
    }

    #[test]
    fn the_same_as_gram_schmidt() {
        for (rows, columns) in [(1, 1), (2, 1), (5, 5), (7, 3), (64, 64), (97, 33), (300, 36), (131, 130)] {
            let mut a = gaussian(rows, columns);
            let want = gram_schmidt(&a, columns);
            assert!(orthonormalise(&mut a, columns), "{rows} x {columns}");
            assert!(departure(&gram(&a, columns)) < 1e-6, "{rows} x {columns}");
            let worst = a.iter().zip(&want).map(|(a, q)| (f64::from(*a) - q).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-5, "{rows} x {columns}: {worst:e}");
        }
    }

    #[test]
    fn nearly_dependent_columns_take_more_passes() {
        let (rows, columns) = (50, 20);
        let mut a = gaussian(rows, columns);
        // The last column is the first but for the last bits.
        for row in a.chunks_exact_mut(columns) {
            row[columns - 1] = row[0] + row[columns - 1] * 1e-6;
        }
        assert!(orthonormalise(&mut a, columns));
        assert!(departure(&gram(&a, columns)) < 1e-6);
    }

    #[test]
    fn what_is_dependent_is_refused_or_orthonormal() {
        let mut zeros = vec![0.0; 12];
        assert!(!orthonormalise(&mut zeros, 3));
        let mut broken = vec![f32::NAN; 12];
        assert!(!orthonormalise(&mut broken, 3));
    }
}
