//! Reversal: a string, a sign, and the string backwards.

use super::Task;
use crate::Random;
use crate::numerics::IGNORED;

/// Letters are tokens from 0; the token after them is the sign from which on the next letter is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Reversal {
    /// Different letters.
    pub letters: u32,
}

impl Task for Reversal {
    fn title(&self) -> String {
        format!("a string of {} letters, backwards", self.letters)
    }

    fn vocab(&self) -> usize {
        self.letters as usize + 1
    }

    fn tokens(&self, length: usize) -> usize {
        2 * length
    }

    fn sample(&self, random: &mut Random, length: usize, inputs: &mut Vec<u32>, targets: &mut Vec<u32>) {
        let mut string: Vec<u32> = (0..length).map(|_| random.below(self.letters as usize) as u32).collect();
        inputs.extend(&string);
        targets.resize(targets.len() + length, IGNORED);
        string.reverse();
        inputs.push(self.letters);
        inputs.extend(&string[..length - 1]);
        targets.extend(string);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_the_letters_backwards() {
        let task = Reversal { letters: 10 };
        for length in [1, 2, 33] {
            let (mut inputs, mut targets) = (Vec::new(), Vec::new());
            task.sample(&mut Random::new(length as u64), length, &mut inputs, &mut targets);
            assert!(inputs[..length].iter().rev().eq(&targets[length..]));
            assert_eq!(inputs[length], 10);
            // What was asked for is what follows.
            assert_eq!(inputs[length + 1..], targets[length..2 * length - 1]);
        }
    }
}
