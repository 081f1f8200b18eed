//! Sums and differences, mostly of numbers to 20 and some to 99, in digits.

use super::cast::Cast;
use super::chat::Turn;
use super::rng::{Rng, hash};
use super::split::Split;

/// What children have some of, as one and as many.
const THINGS: [[&str; 2]; 6] = [
    ["apple", "apples"],
    ["ball", "balls"],
    ["book", "books"],
    ["shell", "shells"],
    ["plum", "plums"],
    ["stone", "stones"],
];

/// Draws an exercise. A pair of numbers that is held out is never trained on, in either order or any wording.
pub fn turn(cast: &Cast, split: Split, rng: &mut Rng) -> Turn {
    loop {
        let plus = rng.chance(55);
        let most = if rng.chance(65) { 20 } else { 99 };
        let (one, two) = (rng.between(0, most), rng.between(0, most));
        let (small, big) = (one.min(two), one.max(two));
        let pair = hash(&[if plus { "+" } else { "-" }, &small.to_string(), &big.to_string()]);
        if !split.holds(pair) || (plus && most == 99 && one + two > 99) {
            continue;
        }
        return if plus { sum(one, two, cast, rng) } else { difference(big, small, cast, rng) };
    }
}

fn sum(a: usize, b: usize, cast: &Cast, rng: &mut Rng) -> Turn {
    let c = a + b;
    let (ask, answer) = match rng.below(6) {
        0 | 1 => (format!("What is {a} plus {b}?"), format!("{a} plus {b} is {c}.")),
        2 => (format!("{a} + {b} ="), format!("{a} + {b} = {c}")),
        3 => (format!("How much is {a} plus {b}?"), format!("{a} plus {b} is {c}.")),
        4 => (format!("Add {a} and {b}."), format!("{a} plus {b} is {c}.")),
        _ => {
            let (name, [one, many]) = (cast.children(1, rng).concat(), rng.pick(&THINGS));
            let noun = |count| if count == 1 { one } else { many };
            (
                format!("{name} has {a} {} and gets {b} more. How many {many} does {name} have?", noun(a)),
                format!("{name} has {c} {}.", noun(c)),
            )
        }
    };
    Turn { ask, answer }
}

fn difference(a: usize, b: usize, cast: &Cast, rng: &mut Rng) -> Turn {
    let c = a - b; // the bigger number is the first
    let (ask, answer) = match rng.below(6) {
        0 | 1 => (format!("What is {a} minus {b}?"), format!("{a} minus {b} is {c}.")),
        2 => (format!("{a} - {b} ="), format!("{a} - {b} = {c}")),
        3 => (format!("How much is {a} minus {b}?"), format!("{a} minus {b} is {c}.")),
        4 => (format!("Take {b} away from {a}."), format!("{a} minus {b} is {c}.")),
        _ => {
            let (name, [one, many]) = (cast.children(1, rng).concat(), rng.pick(&THINGS));
            let noun = |count| if count == 1 { one } else { many };
            (
                format!("{name} has {a} {} and gives {b} away. How many {many} does {name} have?", noun(a)),
                format!("{name} has {c} {}.", noun(c)),
            )
        }
    };
    Turn { ask, answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a text in their order.
    fn numbers(text: &str) -> Vec<i64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
    }

    #[test]
    fn answers_are_right_and_held_out_pairs_stay_out() {
        let cast = Cast::parse(include_str!("words/cast.txt")).unwrap();
        let mut rng = Rng::new(3);
        let mut pairs = [std::collections::BTreeSet::new(), std::collections::BTreeSet::new()];
        for (split, pairs) in [Split::Train, Split::HeldOut].into_iter().zip(&mut pairs) {
            for _ in 0..3_000 {
                let Turn { ask, answer } = turn(&cast, split, &mut rng);
                let plus = ["plus", "+", "Add", "more"].iter().any(|word| ask.contains(word));
                let [a, b] = numbers(&ask)[..] else { panic!("two numbers in {ask}") };
                let result = if plus { a + b } else { (a - b).abs() };
                assert_eq!(numbers(&answer).last(), Some(&result), "{ask} {answer}");
                pairs.insert((plus, a.min(b), a.max(b)));
            }
        }
        assert!(pairs[0].is_disjoint(&pairs[1]));
    }
}
