//! Parity: whether the ones so far are an even number.

use super::Task;
use crate::Random;

/// Bits in, their parity out at every place.
#[derive(Debug, Clone, Copy)]
pub struct Parity;

impl Task for Parity {
    fn title(&self) -> String {
        "parity of the bits so far".to_owned()
    }

    fn vocab(&self) -> usize {
        2
    }

    fn tokens(&self, length: usize) -> usize {
        length
    }

    fn sample(&self, random: &mut Random, length: usize, inputs: &mut Vec<u32>, targets: &mut Vec<u32>) {
        let mut parity = 0;
        for _ in 0..length {
            let bit = random.below(2) as u32;
            parity ^= bit;
            inputs.push(bit);
            targets.push(parity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_sums_modulo_two() {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        Parity.sample(&mut Random::new(3), 10_000, &mut inputs, &mut targets);
        let sums = inputs.iter().scan(0, |sum, bit| {
            *sum += bit;
            Some(*sum % 2)
        });
        assert!(sums.eq(targets.iter().copied()));
        let ones = inputs.iter().sum::<u32>();
        assert!((4750..=5250).contains(&ones), "{ones} ones: five standard deviations are 250");
    }
}
