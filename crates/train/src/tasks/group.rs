//! Word problems: the product of a sequence of permutations, asked for after every factor.
//!
//! Over all elements it is the usual benchmark, complete for NC1 in A5 and S5. Over swaps alone it is the problem for which
//! one layer is proven to suffice: a swap is a reflection, and one step of the memory can be one reflection. (A double
//! swap is a half turn of the icosahedron: a reflection but for its sign.) Pauses after an element leave a memory the
//! steps for the several reflections that make it up; where an element comes in parts, each of which names it, the memory
//! need not keep it in mind meanwhile.

use super::Task;
use crate::Random;
use crate::numerics::IGNORED;

/// A group of permutations with its multiplication table; the first element is the identity.
#[derive(Debug, Clone)]
pub struct Group {
    name: String,
    elements: Vec<Vec<u8>>,
    table: Vec<u32>, // [elements, elements]
}

impl Group {
    /// All permutations of `points`, at most 6.
    #[must_use]
    pub fn symmetric(points: u8) -> Self {
        Self::of(format!("S{points}"), permutations(points))
    }

    /// The even ones.
    #[must_use]
    pub fn alternating(points: u8) -> Self {
        let even = permutations(points).into_iter().filter(|p| inversions(p).is_multiple_of(2)).collect();
        Self::of(format!("A{points}"), even)
    }

    fn of(name: String, elements: Vec<Vec<u8>>) -> Self {
        let place = |p: &Vec<u8>| elements.binary_search(p).unwrap_or_default() as u32; // sorted, and closed
        let products = elements.iter().flat_map(|p| elements.iter().map(move |q| then(p, q)));
        let table = products.map(|product| place(&product)).collect();
        Self { name, table, elements }
    }

    /// Its usual name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many elements it has.
    #[must_use]
    pub fn order(&self) -> usize {
        self.elements.len()
    }

    /// `first`, then `second`.
    ///
    /// # Panics
    /// Numbers that are no elements.
    #[must_use]
    pub fn product(&self, first: u32, second: u32) -> u32 {
        self.table[first as usize * self.order() + second as usize]
    }

    /// The elements that move the fewest points: swaps, or double swaps where no swap is in the group.
    #[must_use]
    pub fn swaps(&self) -> Vec<u32> {
        let moved = |p: &[u8]| p.iter().enumerate().filter(|(n, to)| *n != usize::from(**to)).count();
        let is_swap = |p: &[u8], points| {
            moved(p) == points && then(p, p).iter().enumerate().all(|(n, to)| n == usize::from(*to))
        };
        let of = |points| -> Vec<u32> {
            let all = self.elements.iter().enumerate();
            all.filter(|(_, p)| is_swap(p, points)).map(|(number, _)| number as u32).collect()
        };
        let single = of(2);
        if single.is_empty() { of(4) } else { single }
    }
}

/// `p`, then `q`.
fn then(p: &[u8], q: &[u8]) -> Vec<u8> {
    p.iter().map(|to| q[usize::from(*to)]).collect()
}

fn inversions(p: &[u8]) -> usize {
    (0..p.len()).map(|n| p[n + 1..].iter().filter(|later| **later < p[n]).count()).sum()
}

/// In the order of a dictionary.
fn permutations(points: u8) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for _ in 0..points {
        let longer = |p: &Vec<u8>| -> Vec<Vec<u8>> {
            let free = (0..points).filter(|n| !p.contains(n));
            free.map(|n| p.iter().copied().chain([n]).collect()).collect()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Which elements come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// Every one.
    All,
    /// Those of [`Group::swaps`].
    Swaps,
}

/// How an element is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As one token.
    Token,
    /// As one token, and so many after it: a first pause, a second and so on, the same for all elements.
    Pauses(usize),
    /// As so many tokens, each an element's first part, its second and so on.
    Parts(usize),
}

impl Spelling {
    /// Tokens of an element.
    fn tokens(self) -> usize {
        match self {
            Self::Token => 1,
            Self::Pauses(pauses) => 1 + pauses,
            Self::Parts(parts) => parts.max(1),
        }
    }

    /// The token in place `place` of the spelling of `element`, of so many elements.
    fn token(self, element: u32, place: usize, order: usize) -> u32 {
        match self {
            Self::Pauses(_) if place > 0 => (order + place - 1) as u32,
            _ => element + (place * order) as u32,
        }
    }

    /// Tokens of all elements together.
    fn vocab(self, order: usize) -> usize {
        match self {
            Self::Pauses(pauses) => order + pauses,
            _ => self.tokens() * order,
        }
    }
}

/// The product so far, at the end of every element.
#[derive(Debug, Clone)]
pub struct WordProblem {
    group: Group,
    alphabet: Vec<u32>,
    swaps: bool,
    spelling: Spelling,
}

impl WordProblem {
    /// Words over the `alphabet` of `group`, so written.
    #[must_use]
    pub fn new(group: Group, alphabet: Alphabet, spelling: Spelling) -> Self {
        let swaps = alphabet == Alphabet::Swaps;
        let alphabet = if swaps { group.swaps() } else { (0..group.order() as u32).collect() };
        Self { group, alphabet, swaps, spelling }
    }
}

impl Task for WordProblem {
    fn title(&self) -> String {
        let what = if self.swaps { "swaps" } else { "elements" };
        let how = match self.spelling {
            Spelling::Token => String::new(),
            Spelling::Pauses(n) => format!(" with {n} pauses each"),
            Spelling::Parts(n) => format!(" in {n} parts each"),
        };
        format!("{}, products of its {} {what}{how}", self.group.name(), self.alphabet.len())
    }

    fn vocab(&self) -> usize {
        self.spelling.vocab(self.group.order())
    }

    fn tokens(&self, length: usize) -> usize {
        length * self.spelling.tokens()
    }

    fn sample(&self, random: &mut Random, length: usize, inputs: &mut Vec<u32>, targets: &mut Vec<u32>) {
        let mut product = 0;
        for _ in 0..length {
            let element = self.alphabet[random.below(self.alphabet.len())];
            product = self.group.product(product, element);
            let tokens = self.spelling.tokens();
            inputs.extend((0..tokens).map(|place| self.spelling.token(element, place, self.group.order())));
            targets.extend((1..tokens).map(|_| IGNORED));
            targets.push(product);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> [(Group, usize, usize); 3] {
        [(Group::symmetric(3), 6, 3), (Group::alternating(5), 60, 15), (Group::symmetric(5), 120, 10)]
    }

    #[test]
    fn they_are_groups() {
        for (group, order, swaps) in groups() {
            assert_eq!((group.order(), group.swaps().len()), (order, swaps), "{}", group.name());
            let all = 0..order as u32;
            for a in all.clone() {
                assert_eq!((group.product(0, a), group.product(a, 0)), (a, a));
                let mut row: Vec<u32> = all.clone().map(|b| group.product(a, b)).collect();
                row.sort_unstable();
                assert!(row.into_iter().eq(all.clone()), "every equation has one solution");
                for b in all.clone() {
                    let c = (7 * a + 3 * b) % order as u32;
                    let (left, right) =
                        (group.product(group.product(a, b), c), group.product(a, group.product(b, c)));
                    assert_eq!(left, right);
                }
            }
        }
    }

    #[test]
    fn swaps_generate_all() {
        for (group, order, _) in groups() {
            let mut reached = vec![false; order];
            let mut todo = vec![0];
            while let Some(a) = todo.pop() {
                if !std::mem::replace(&mut reached[a as usize], true) {
                    todo.extend(group.swaps().into_iter().map(|b| group.product(a, b)));
                }
            }
            assert!(reached.into_iter().all(|reached| reached), "{}", group.name());
            assert!(group.swaps().into_iter().all(|a| group.product(a, a) == 0));
        }
    }

    #[test]
    fn targets_are_where_the_points_end_up() {
        for (group, order, _) in groups() {
            let order = order as u32;
            let task = WordProblem::new(group.clone(), Alphabet::All, Spelling::Pauses(2));
            let (mut inputs, mut targets) = (Vec::new(), Vec::new());
            task.sample(&mut Random::new(1), 40, &mut inputs, &mut targets);
            for upto in 0..40 {
                for point in 0..group.elements[0].len() as u8 {
                    // A point walks through all factors one by one.
                    let walk = |at: u8, n: usize| group.elements[inputs[3 * n] as usize][usize::from(at)];
                    let end = (0..=upto).fold(point, walk);
                    assert_eq!(group.elements[targets[3 * upto + 2] as usize][usize::from(point)], end);
                }
                assert_eq!(targets[3 * upto..3 * upto + 2], [IGNORED; 2]);
                assert_eq!(inputs[3 * upto + 1..3 * upto + 3], [order, order + 1]);
            }
        }
    }

    #[test]
    fn parts_name_their_element() {
        let task = |spelling| WordProblem::new(Group::alternating(5), Alphabet::All, spelling);
        let sample = |spelling| {
            let (mut inputs, mut targets) = (Vec::new(), Vec::new());
            task(spelling).sample(&mut Random::new(3), 9, &mut inputs, &mut targets);
            (inputs, targets)
        };
        let (whole, products) = sample(Spelling::Token);
        let (parts, targets) = sample(Spelling::Parts(2));
        let spelt: Vec<u32> = whole.iter().flat_map(|element| [*element, 60 + element]).collect();
        let late: Vec<u32> = products.iter().flat_map(|product| [IGNORED, *product]).collect();
        assert_eq!((parts, targets), (spelt, late));
        assert_eq!(task(Spelling::Parts(2)).vocab(), 120);
        assert_eq!(task(Spelling::Parts(2)).title(), "A5, products of its 60 elements in 2 parts each");
    }

    #[test]
    fn elements_come_equally_often() {
        let task = WordProblem::new(Group::alternating(5), Alphabet::All, Spelling::Token);
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        task.sample(&mut Random::new(2), 60_000, &mut inputs, &mut targets);
        for list in [inputs, targets] {
            let mut counts = [0i32; 60];
            list.iter().for_each(|n| counts[*n as usize] += 1);
            // Five standard deviations of a count of mean 1000.
            assert!(counts.iter().all(|count| (count - 1000).abs() < 160), "{counts:?}");
        }
    }
}
