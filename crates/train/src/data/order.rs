//! In which order the places of a stream are sampled: each once, in no visible order, with nothing to remember.

use super::Error;
use crate::Random;

/// The "magic prime" order of the official trainer (`RWKV-v5/src/dataset.py`): sampling without replacement, where
/// the place of any sample is computed from its number alone.
///
/// The stream is cut into slots of `context` tokens. Sample `n`, counted from 0, is slot
///
/// ```text
/// a (n + 1 + b)^3  mod p        p: the largest prime at most slots - 1 with p mod 3 = 2
/// ```
///
/// As 3 does not divide `p - 1`, cubing is a permutation modulo `p`: any `p` samples in a row are `p` different
/// slots. Seed 0 is the official order: `a` is the golden ratio's part of `p` and `b` is 0. Any other seed draws `a`
/// and `b`, and besides moves all slots by some tokens, so that two seeds cut the stream in different places.
///
/// The slots from `p` on are never sampled: of official data sizes far below one percent, of a handful of slots up to
/// three fifths (of 5, where `p` is 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    context: u64,
    prime: u64,
    multiplier: u64, // a
    first: u64,      // b
    shift: u64,      // tokens before slot 0
}

/// Fewest slots that hold a prime of the kind, which is 2.
const FEWEST: u64 = 3;

impl Order {
    /// The order of `seed` over a stream of `tokens`, for samples of `context + 1`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a context of 0; [`Error::TooFew`] for less than three contexts of tokens.
    pub fn new(tokens: u64, context: u64, seed: u64) -> Result<Self, Error> {
        if context == 0 {
            return Err(Error::Setting {
                what: "expected a context of at least 1 token, found 0".to_owned(),
            });
        }
        let slots = tokens / context;
        if slots < FEWEST {
            return Err(Error::TooFew {
                name: "training data".to_owned(),
                found: tokens,
                expected: context.saturating_mul(FEWEST),
                why: format!("for a context of {context}: use a shorter context or more data"),
            });
        }
        let prime = largest_prime(slots - 1);
        if seed == 0 {
            // As the official code computes it: in f64, rounded down.
            let multiplier = (prime as f64 * (5_f64.sqrt() - 1.0) / 2.0) as u64;
            return Ok(Self { context, prime, multiplier, first: 0, shift: 0 });
        }
        let mut random = Random::new(seed);
        let mut below = |limit: u64| random.below(limit as usize) as u64; // tokens are counted in usize
        let multiplier = 1 + below(prime - 1);
        let first = below(prime);
        let slack = tokens - (prime * context + 1); // no overflow, nor below 0: the prime is below the slots
        Ok(Self { context, prime, multiplier, first, shift: below(slack.min(context) + 1) })
    }

    /// The prime: how many slots are sampled before the order repeats itself.
    #[must_use]
    pub fn prime(&self) -> u64 {
        self.prime
    }

    /// The slot of sample `number`, counted from 0; after [`Order::prime`] samples the order begins again.
    #[must_use]
    pub fn slot(&self, number: u64) -> u64 {
        let prime = u128::from(self.prime);
        let n = (u128::from(number) + 1 + u128::from(self.first)) % prime;
        // Each factor is below 2^64, and reduced before the next.
        (n * n % prime * n % prime * u128::from(self.multiplier) % prime) as u64
    }

    /// The first token of sample `number`; it and `context` more lie inside the stream.
    #[must_use]
    pub fn start(&self, number: u64) -> u64 {
        self.shift + self.slot(number) * self.context
    }
}

/// The largest prime from 2 to `most` that is 2 modulo 3; 2 where `most` is smaller.
fn largest_prime(most: u64) -> u64 {
    (2..=most).rev().find(|&n| n % 3 == 2 && is_prime(n)).unwrap_or(2)
}

/// By trial division: a stream of 10^12 tokens takes a few million.
fn is_prime(n: u64) -> bool {
    let divides = |d: &u64| n.is_multiple_of(*d);
    n >= 2 && (n == 2 || !divides(&2)) && !(3..=n.isqrt()).step_by(2).any(|d| divides(&d))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slots(order: &Order, count: u64) -> Vec<u64> {
        (0..count).map(|n| order.slot(n)).collect()
    }

    #[test]
    fn the_official_order() {
        // minipile at 512, and the Pile at 4096: published primes and what their formula gives.
        let minipile = Order::new(1_498_226_207, 512, 0).expect("enough");
        assert_eq!((minipile.prime, minipile.multiplier), (2_926_181, 1_808_479));
        assert_eq!(slots(&minipile, 3), [1_808_479, 2_763_108, 2_010_037]);
        let pile = Order::new(332_115_325_534, 4096, 0).expect("enough");
        assert_eq!((pile.prime, pile.multiplier), (81_082_817, 50_111_936));
        assert_eq!(slots(&pile, 3), [50_111_936, 76_564_220, 55_697_200]);
        assert_eq!(pile.start(1), 76_564_220 * 4096);
    }

    #[test]
    fn any_sample_is_found_without_those_before_it() {
        let order = Order::new(1_498_226_207, 512, 0).expect("enough");
        assert_eq!(order.slot(5), order.slot(5 + order.prime));
        // The largest number there is: (2^64 mod p)^3 a mod p, by exact arithmetic elsewhere.
        let n = (1_u128 << 64) % 2_926_181;
        assert_eq!(u128::from(order.slot(u64::MAX)), n * n * n * 1_808_479 % 2_926_181);
    }

    #[test]
    fn primes_are_found() {
        let found: Vec<u64> = [0, 1, 2, 4, 5, 10, 11, 16, 100, 1_000_000].map(largest_prime).into();
        assert_eq!(found, [2, 2, 2, 2, 5, 5, 11, 11, 89, 999_983]);
        let sieve = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47];
        assert_eq!((0..50).filter(|&n| is_prime(n)).collect::<Vec<_>>(), sieve);
    }

    #[test]
    fn too_little_is_named() {
        let said = Order::new(1535, 512, 0).expect_err("two slots").to_string();
        assert!(said.contains("1535 tokens") && said.contains("at least 1536"), "{said}");
        assert!(Order::new(1536, 512, 0).is_ok());
        assert!(Order::new(9, 0, 0).expect_err("no context").to_string().contains("context"));
        assert!(Order::new(9, u64::MAX, 1).is_err());
    }

    proptest! {
        #[test]
        fn every_slot_is_sampled_once(slots in 3..400_u64, context in 1..9_u64, rest in 0..8_u64, seed: u64, from: u64) {
            let tokens = slots * context + rest % context;
            for seed in [0, seed] {
                let order = Order::new(tokens, context, seed).expect("enough");
                let mut seen = vec![false; order.prime as usize];
                for n in 0..order.prime {
                    let number = (from % 1_000_000) + n;
                    prop_assert!(!std::mem::replace(&mut seen[order.slot(number) as usize], true));
                    prop_assert!(order.start(number) + context < tokens); // and one more lies inside
                }
            }
        }
    }
}
