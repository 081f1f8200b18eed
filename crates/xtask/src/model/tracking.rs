//! Small tasks that ask for a state to be kept: who has what after some swaps, letters backwards, counting.

use super::cast::Cast;
use super::chat::Turn;
use super::rng::{Rng, hash};
use super::split::Split;

/// What is held, swapped and counted.
const THINGS: [&str; 8] = ["ball", "cup", "hat", "book", "key", "bell", "ring", "drum"];

/// Draws a task; every eighth question or so, by its words, is held out.
pub fn turn(cast: &Cast, split: Split, rng: &mut Rng) -> Turn {
    loop {
        let (ask, answer) = match rng.below(10) {
            0..=2 => swaps(cast, rng),
            3 => gives(cast, rng),
            4 | 5 => backwards(rng),
            6 => count(rng),
            7 => how_many(rng),
            8 => after(rng),
            _ => bigger(rng),
        };
        if split.holds(hash(&[&ask])) {
            return Turn { ask, answer };
        }
    }
}

/// Three children swap three things, from one time to five.
fn swaps(cast: &Cast, rng: &mut Rng) -> (String, String) {
    let names = cast.children(3, rng);
    let mut things = THINGS;
    rng.shuffle(&mut things);
    let mut ask = format!(
        "{} has the {}, {} has the {} and {} has the {}.",
        names[0], things[0], names[1], things[1], names[2], things[2]
    );
    for _ in 0..rng.between(1, 5) {
        let mut pair = [0, 1, 2];
        rng.shuffle(&mut pair);
        things.swap(pair[0], pair[1]);
        ask += &format!(" {} and {} swap.", names[pair[0]], names[pair[1]]);
    }
    let holder = rng.below(3);
    let answer = format!("{} has the {}.", names[holder], things[holder]);
    if rng.chance(50) {
        ask += &format!(" Who has the {}?", things[holder]);
    } else {
        ask += &format!(" What does {} have?", names[holder]);
    }
    (ask, answer)
}

/// One thing goes from hand to hand.
fn gives(cast: &Cast, rng: &mut Rng) -> (String, String) {
    let names = cast.children(3, rng);
    let (thing, mut holder) = (rng.pick(&THINGS), rng.below(3));
    let mut ask = format!("{} has the {thing}.", names[holder]);
    for _ in 0..rng.between(1, 4) {
        let next = (holder + rng.between(1, 2)) % 3;
        ask += &format!(" {} gives it to {}.", names[holder], names[next]);
        holder = next;
    }
    (format!("{ask} Who has the {thing}?"), format!("{} has the {thing}.", names[holder]))
}

/// From three to six letters, or three or four words, the other way round.
fn backwards(rng: &mut Rng) -> (String, String) {
    let mut items: Vec<String> = if rng.chance(75) {
        let count = rng.between(3, 6);
        (0..count).map(|_| char::from(b'a' + rng.below(26) as u8).to_string()).collect() // below 26
    } else {
        let mut things = THINGS;
        rng.shuffle(&mut things);
        things[..rng.between(3, 4)].iter().map(|&thing| thing.to_owned()).collect()
    };
    let ask = format!("Say backwards: {}", items.join(" "));
    items.reverse();
    (ask, items.join(" "))
}

/// Counts up or down.
fn count(rng: &mut Rng) -> (String, String) {
    let (from, steps) = (rng.between(0, 20), rng.between(2, 7));
    let mut numbers: Vec<String> = (from..=from + steps).map(|number| number.to_string()).collect();
    if rng.chance(40) {
        numbers.reverse();
    }
    let ask = format!("Count from {} to {}.", numbers[0], numbers[steps]);
    (ask, format!("{}.", numbers.join(", ")))
}

/// From two to nine of the same thing.
fn how_many(rng: &mut Rng) -> (String, String) {
    let (thing, count) = (rng.pick(&THINGS), rng.between(2, 9));
    let items = vec![*thing; count].join(" ");
    let ask = match rng.below(2) {
        0 => format!("How many {thing}s do you see? {items}"),
        _ => format!("Count the {thing}s: {items}"),
    };
    (ask, format!("There are {count} {thing}s."))
}

fn after(rng: &mut Rng) -> (String, String) {
    let number = rng.between(0, 98);
    match rng.below(2) {
        0 => (format!("What number comes after {number}?"), format!("{} comes after {number}.", number + 1)),
        _ => (
            format!("What number comes before {}?", number + 1),
            format!("{number} comes before {}.", number + 1),
        ),
    }
}

fn bigger(rng: &mut Rng) -> (String, String) {
    let (one, two) = (rng.between(0, 99), rng.between(0, 99));
    if one == two {
        return bigger(rng);
    }
    match rng.below(2) {
        0 => (
            format!("Which number is bigger, {one} or {two}?"),
            format!("{} is bigger than {}.", one.max(two), one.min(two)),
        ),
        _ => (
            format!("Which number is smaller, {one} or {two}?"),
            format!("{} is smaller than {}.", one.min(two), one.max(two)),
        ),
    }
}
