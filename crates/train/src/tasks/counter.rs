//! A counter that goes round: steps of one up, one down or none.

use super::Task;
use crate::Random;

/// A counter that starts at 0. Token 0 leaves it, 1 adds one, 2 takes one off; the answer is where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    /// Places that it goes round, at least 1.
    pub modulus: u32,
}

impl Task for Counter {
    fn title(&self) -> String {
        format!("a counter modulo {}", self.modulus)
    }

    fn vocab(&self) -> usize {
        self.modulus.max(3) as usize
    }

    fn tokens(&self, length: usize) -> usize {
        length
    }

    fn sample(&self, random: &mut Random, length: usize, inputs: &mut Vec<u32>, targets: &mut Vec<u32>) {
        let mut at = 0;
        for _ in 0..length {
            let (token, step) = [(0, 0), (1, 1), (2, self.modulus - 1)][random.below(3)];
            at = (at + step) % self.modulus;
            inputs.push(token);
            targets.push(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_where_it_stands() {
        for modulus in [1, 2, 5, 7] {
            let (mut inputs, mut targets) = (Vec::new(), Vec::new());
            Counter { modulus }.sample(&mut Random::new(4), 30_000, &mut inputs, &mut targets);
            let mut sum = 0i64;
            for (token, target) in inputs.iter().zip(&targets) {
                sum += [0, 1, -1][*token as usize];
                assert_eq!(sum.rem_euclid(i64::from(modulus)), i64::from(*target));
            }
            for token in 0..3 {
                let count = inputs.iter().filter(|found| **found == token).count();
                assert!((9590..=10_410).contains(&count), "{count}: five standard deviations are 408");
            }
        }
    }
}
