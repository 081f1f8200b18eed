//! Products of a matrix and a vector, with the weights read row by row as they lie in the file.

use crate::{Layout, Tensor};

/// Sum of products, accumulated in f64.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// `matrix @ x`: `matrix [rows, columns]`, `x [columns]`, result `[rows]`.
pub(super) fn mul(matrix: &Tensor, x: &[f32]) -> Vec<f32> {
    match matrix.layout() {
        Layout::Rows => dot_stored_rows(matrix, x),
        Layout::Transposed => sum_stored_rows(matrix, x),
    }
}

/// `x @ matrix`: `x [rows]`, `matrix [rows, columns]`, result `[columns]`.
pub(super) fn mul_left(x: &[f32], matrix: &Tensor) -> Vec<f32> {
    match matrix.layout() {
        Layout::Rows => sum_stored_rows(matrix, x),
        Layout::Transposed => dot_stored_rows(matrix, x),
    }
}

/// One result per stored row: its dot product with `x`.
fn dot_stored_rows(matrix: &Tensor, x: &[f32]) -> Vec<f32> {
    let mut row = vec![0.0; matrix.stored_columns()];
    (0..matrix.stored_rows())
        .map(|n| {
            matrix.read_stored_row(n, &mut row);
            dot(&row, x) as f32
        })
        .collect()
}

/// The stored rows, each times its element of `x`, added up.
fn sum_stored_rows(matrix: &Tensor, x: &[f32]) -> Vec<f32> {
    let mut row = vec![0.0; matrix.stored_columns()];
    let mut sum = vec![0.0f64; matrix.stored_columns()];
    for (n, &x) in x.iter().enumerate() {
        matrix.read_stored_row(n, &mut row);
        for (sum, &w) in sum.iter_mut().zip(&row) {
            *sum += f64::from(x) * f64::from(w);
        }
    }
    sum.into_iter().map(|sum| sum as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orientations_give_one_result() {
        let rows = Tensor::from_f32("m", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("valid");
        let turned =
            Tensor::from_f32("m", &[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]).expect("valid").transposed();
        for matrix in [rows, turned] {
            assert_eq!(mul(&matrix, &[1.0, 0.0, -1.0]), [-2.0, -2.0]);
            assert_eq!(mul_left(&[1.0, -1.0], &matrix), [-3.0, -3.0, -3.0]);
        }
    }
}
