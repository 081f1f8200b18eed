//! One product on its own, for micro-benchmarks. No part of the interface.

use wkv7_cpu::math::{Math, WithMath};

use super::product::{Factor, Into, product};

/// A product of `[rows, depth]` and `[depth, columns]`, either of them stored transposed.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// Rows of the left factor.
    pub rows: usize,
    /// Its columns.
    pub depth: usize,
    /// Columns of the right factor.
    pub columns: usize,
    /// Which factors are stored transposed.
    pub turned: [bool; 2],
    /// How often it is done.
    pub times: usize,
}

impl WithMath for Product {
    type Out = f32;

    fn with<M: Math<Number = f32>>(self, math: M) -> f32 {
        let Self { rows, depth, columns, turned, times } = self;
        let (a, b) = (vec![0.5; rows * depth], vec![0.25; depth * columns]);
        let factor = |x, rows, columns, turned: bool| {
            if turned { Factor::new(x, columns, rows).turned() } else { Factor::new(x, rows, columns) }
        };
        let (mut c, mut room) = (vec![0.0; rows * columns], Vec::new());
        for _ in 0..times {
            let (a, b) = (factor(&a, rows, depth, turned[0]), factor(&b, depth, columns, turned[1]));
            product(math, a, b, Into::Store, &mut c, &mut room);
        }
        c[0]
    }
}
