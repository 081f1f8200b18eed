//! Random numbers that are the same on every machine and for any number of threads.

use crate::portable::ln;

/// The splitmix64 generator (Steele, Lea and Flood, 2014): one 64-bit word of state, any seed will do.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
    /// The second of a pair of normal numbers.
    spare: Option<f64>,
}

impl Random {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed, spare: None }
    }

    /// The stream that belongs to part `part` of what is called `name`: parts can be made in any order.
    #[must_use]
    pub fn part(seed: u64, name: &str, part: u64) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3) // FNV-1a
        });
        // Every start is an output of the generator, so streams of neighbours have nothing in common.
        let seed = Self::new(seed).bits() ^ hash;
        Self::new(Self::new(Self::new(seed).bits().wrapping_add(part)).bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `limit`, even to one part in `2^64 / limit`; 0 where that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.bits()) * limit as u128) >> 64) as usize
    }

    /// Puts `items` into any order, each as likely as the others (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A normal number of mean 0 and variance 1, by the polar method (Marsaglia and Bray, 1964).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * ln(square) / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }
}

/// The numbers below `count` in an order of its own for every `seed` and `round`: 8 bytes each.
#[must_use]
pub fn shuffled(count: usize, seed: u64, round: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let round = Random::new(round).bits(); // far from the neighbour's, as sums of small numbers would not be
    Random::new(seed ^ round).shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_never_changes() {
        let mut random = Random::new(0);
        assert_eq!([random.bits(), random.bits()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        let mut items: Vec<u32> = (0..10).collect();
        Random::new(1).shuffle(&mut items);
        let mut sorted = items.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        assert_ne!(items, sorted);
    }

    #[test]
    fn numbers_stay_below_their_limit() {
        let mut random = Random::new(7);
        let mut seen = [0_u32; 5];
        (0..5000).for_each(|_| seen[random.below(5)] += 1);
        assert!(seen.iter().all(|&times| (850..1150).contains(&times)), "{seen:?}"); // 1000, 5 deviations of 28
        assert_eq!([random.below(0), random.below(1)], [0, 0]);
    }

    #[test]
    fn normal_numbers_have_normal_moments() {
        let mut random = Random::part(3, "normal", 0);
        let count = 200_000;
        let mut moments = [0.0; 4];
        for _ in 0..count {
            let x = random.normal();
            for (n, moment) in moments.iter_mut().enumerate() {
                *moment += x.powi(n as i32 + 1) / f64::from(count);
            }
        }
        // Standard errors: sqrt of 1, 2, 15 and 96 by the count; five of them are allowed.
        for (found, (want, error)) in moments.iter().zip([(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)]) {
            assert!((found - want).abs() < 5.0 * (error / f64::from(count)).sqrt(), "{moments:?}");
        }
    }

    #[test]
    fn streams_differ() {
        let first = |seed, name, part| Random::part(seed, name, part).bits();
        let all = [first(0, "a", 0), first(0, "a", 1), first(1, "a", 0), first(0, "b", 0), first(1, "a", 1)];
        for (n, one) in all.iter().enumerate() {
            assert!(!all[..n].contains(one), "{all:x?}");
        }
    }
}
