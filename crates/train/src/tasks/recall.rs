//! Associative recall of several queries (MQAR; Arora et al., 2023): pairs of key and value, then the keys again in another
//! order, at each of which its value is asked for.

use super::Task;
use crate::Random;
use crate::numerics::IGNORED;

/// Keys are tokens from 0, values tokens after them. The length of a sample is its number of pairs, of distinct keys.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    /// Tokens that may be keys; samples of more pairs use keys more than once, the last value counting.
    pub keys: u32,
    /// Tokens that may be values.
    pub values: u32,
}

impl Task for Recall {
    fn title(&self) -> String {
        format!("associative recall of many queries, {} keys and {} values", self.keys, self.values)
    }

    fn vocab(&self) -> usize {
        self.keys as usize + self.values as usize
    }

    fn tokens(&self, length: usize) -> usize {
        3 * length
    }

    fn sample(&self, random: &mut Random, length: usize, inputs: &mut Vec<u32>, targets: &mut Vec<u32>) {
        let mut keys = Vec::with_capacity(length);
        while keys.len() < length {
            let mut round: Vec<u32> = (0..self.keys).collect();
            random.shuffle(&mut round);
            round.truncate(length - keys.len());
            keys.append(&mut round);
        }
        let mut value_of = vec![0; self.keys as usize];
        for key in &keys {
            let value = self.keys + random.below(self.values as usize) as u32;
            value_of[*key as usize] = value;
            inputs.extend([*key, value]);
            targets.extend([IGNORED; 2]);
        }
        random.shuffle(&mut keys);
        for key in keys {
            inputs.push(key);
            targets.push(value_of[key as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_the_values_of_the_keys() {
        for (task, distinct) in
            [(Recall { keys: 256, values: 256 }, true), (Recall { keys: 20, values: 5 }, false)]
        {
            for seed in 0..20 {
                let (mut inputs, mut targets) = (Vec::new(), Vec::new());
                task.sample(&mut Random::new(seed), 64, &mut inputs, &mut targets);
                let (pairs, queries) = inputs.split_at(128);
                assert_eq!((targets[..128].to_vec(), queries.len()), (vec![IGNORED; 128], 64));
                for (query, answer) in queries.iter().zip(&targets[128..]) {
                    let pair = pairs.chunks_exact(2).rfind(|pair| pair[0] == *query).expect("a known key");
                    assert_eq!(pair[1], *answer);
                }
                let mut keys: Vec<u32> = pairs.iter().copied().step_by(2).collect();
                keys.sort_unstable();
                keys.dedup();
                assert_eq!(keys.len(), if distinct { 64 } else { 20 });
            }
        }
    }
}
