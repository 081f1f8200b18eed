//! Few tokens, and inputs of which most are zero: the squared relu leaves 50 to 90 % of the hidden units at zero, and a
//! matrix stored by unit need not be read where they are.
//!
//! Stored by output, a matrix has every input's number in every row, and nothing can be left out. So `ffn.value` is laid
//! out anew: strips of 64 outputs, in each the units in the order in which products are added up (class by class, see
//! `mod`), for each unit the strip's 64 numbers. The type of the numbers stays, and so do the bits of the result: adding a
//! product with zero changes no sum.

use std::ops::Range;

use memmap2::MmapMut;

use super::element::Element;
use super::panels::{fold, stride};
use super::product::Product;
use crate::arch::{Isa, LANES, PANEL, list};
use crate::part_tiles::{MOST_PARTS, PAIRS, STEP, parts, rounded};
use crate::team::Shared;

/// Outputs of a strip: their sums fill half of the registers, and a unit's numbers whole cache lines.
pub(crate) const STRIP: usize = 64;
const QUARTERS: usize = STRIP / LANES;

/// Units between the one at work and the one that is asked for ahead.
const AHEAD: usize = 16;

/// The order in which the products of a row are added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// Class by class, as `mod` says; the classes are folded.
    #[default]
    Classes,
    /// The same for pairs of numbers, of which the second comes first.
    Pairs,
    /// Step by step, and in a step part by part, the least of so many first: the sum of the numbers of even place and that of
    /// the others are added up, and go to the whole.
    Steps(usize),
}

impl Order {
    /// Where unit `unit` of so many comes.
    #[inline(always)]
    fn place(self, unit: usize, inputs: usize) -> usize {
        match self {
            Self::Classes => unit % LANES * inputs.div_ceil(LANES) + unit / LANES,
            Self::Pairs => unit / 2 % LANES * (inputs / LANES) + unit / STEP * 2 + (1 - unit % 2),
            Self::Steps(_) => unit / STEP * STEP + unit % 2 * PAIRS + unit % STEP / 2,
        }
    }

    /// Parts that a unit's value comes in.
    fn parts(self) -> usize {
        if let Self::Steps(parts) = self { parts } else { 1 }
    }

    /// The runs of units of so many that are added up one after the other.
    fn runs(self, inputs: usize) -> usize {
        if let Self::Steps(_) = self { inputs / PAIRS } else { LANES }
    }
}

/// A matrix `[outputs, inputs]` of plain numbers, stored by unit: `[strips, inputs up to whole lanes, 64]`, in an [`Order`].
#[derive(Debug)]
pub(crate) struct Units {
    /// In huge pages where the system gives them: leaps from unit to unit would find few small ones in the TLB.
    bytes: MmapMut,
    inputs: usize,
    size: usize, // bytes of a number
}

impl Units {
    /// Empty room for a matrix of numbers of `size` bytes; `None` where the system has none.
    pub(crate) fn new(outputs: usize, inputs: usize, size: usize) -> Option<Self> {
        let len = outputs.next_multiple_of(STRIP) * inputs.next_multiple_of(LANES) * size;
        let bytes = MmapMut::map_anon(len).ok()?;
        #[cfg(target_os = "linux")]
        let _ = bytes.advise(memmap2::Advice::HugePage); // small pages do, only slower
        Some(Self { bytes, inputs, size })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of a strip.
    fn strip_bytes(&self) -> usize {
        self.inputs.next_multiple_of(LANES) * STRIP * self.size
    }

    pub(crate) fn strips(&self) -> usize {
        self.bytes.len() / self.strip_bytes()
    }

    pub(crate) fn share(&mut self) -> (Shared<'_, u8>, usize) {
        let strip = self.strip_bytes();
        (Shared::new(&mut self.bytes), strip)
    }

    /// The numbers of a strip.
    #[inline(always)]
    fn strip(&self, strip: usize) -> &[u8] {
        &self.bytes[strip * self.strip_bytes()..(strip + 1) * self.strip_bytes()]
    }
}

/// Copies `rows` (those of one strip, `[rows, inputs]` numbers of `SIZE` bytes) to where the strip has them.
pub(crate) fn fill<const SIZE: usize>(order: Order, rows: &[u8], inputs: usize, strip: &mut [u8]) {
    let (strip, _) = strip.as_chunks_mut::<SIZE>();
    let (numbers, _) = rows.as_chunks::<SIZE>();
    // Units whose numbers are written together while the lines that hold them are in the cache.
    const TOGETHER: usize = 64;
    for first in (0..inputs).step_by(TOGETHER) {
        for (row, numbers) in numbers.chunks_exact(inputs).enumerate() {
            for unit in first..(first + TOGETHER).min(inputs) {
                strip[order.place(unit, inputs) * STRIP + row] = numbers[unit];
            }
        }
    }
}

/// The inputs that are not zero, of each of a few tokens.
#[derive(Debug, Default)]
pub(crate) struct Active {
    tokens: usize,
    capacity: usize, // of a token
    order: Order,
    places: Vec<u32>, // [tokens, capacity]: where a strip has the unit
    values: Vec<f32>, // [tokens, parts, capacity]
    ends: Vec<usize>, // [tokens, runs]: where the units of a run end
    runs: usize,      // of a token
}

impl Active {
    /// Makes room for `tokens` of `inputs` numbers, to be added up in `order`.
    pub(crate) fn resize(&mut self, order: Order, inputs: usize, tokens: usize) {
        (self.tokens, self.capacity) = (tokens, inputs + 1);
        (self.order, self.runs) = (order, order.runs(inputs));
        let len = tokens * self.capacity;
        self.places.resize(self.places.len().max(len), 0);
        self.values.resize(self.values.len().max(len * order.parts()), 0.0);
        self.ends.resize(self.ends.len().max(tokens * self.runs), 0);
    }

    /// Finds the units of `token` among its inputs; returns how many there are.
    pub(crate) fn find(&mut self, token: usize, x: &[f32]) -> usize {
        let (order, capacity, kinds) = (self.order, self.capacity, self.order.parts());
        let places = &mut self.places[token * capacity..(token + 1) * capacity];
        let values = &mut self.values[token * kinds * capacity..(token + 1) * kinds * capacity];
        let ends = &mut self.ends[token * self.runs..(token + 1) * self.runs];
        let mut count = 0;
        for (run, end) in ends.iter_mut().enumerate() {
            // Written in any case, kept where it is not zero: no branch that cannot be foreseen.
            let mut keep = |place: usize, x: f32| {
                (places[count], values[count]) = (place as u32, x);
                count += usize::from(x != 0.0);
            };
            let (first, last, apart) = match order {
                Order::Classes => (run, x.len(), LANES),
                Order::Pairs => {
                    let place = order.place(2 * run + 1, x.len());
                    let pairs = x.as_chunks::<2>().0.iter().skip(run).step_by(LANES);
                    for (at, [first, second]) in pairs.enumerate() {
                        keep(place + 2 * at, rounded(*second));
                        keep(place + 2 * at + 1, rounded(*first));
                    }
                    *end = count;
                    continue;
                }
                Order::Steps(_) => (run / 2 * STEP + run % 2, (run / 2 + 1) * STEP, 2),
            };
            let place = order.place(first, x.len());
            for (at, x) in x[first.min(last)..last].iter().step_by(apart).enumerate() {
                keep(place + at, *x);
            }
            *end = count;
        }
        if kinds > 1 {
            let (wholes, rest) = values.split_at_mut(capacity);
            for at in 0..count {
                let cut = parts(wholes[at]);
                wholes[at] = cut[kinds - 1];
                for part in 1..kinds {
                    rest[(part - 1) * capacity + at] = cut[kinds - 1 - part];
                }
            }
        }
        count
    }

    /// Where a strip has the units of `token`, and where their runs end.
    fn of_token(&self, token: usize) -> (&[u32], &[usize]) {
        let ends = &self.ends[token * self.runs..(token + 1) * self.runs];
        let start = token * self.capacity;
        (&self.places[start..start + ends[self.runs - 1]], ends)
    }

    /// The values of those units, or part number `part` of them.
    fn values(&self, token: usize, part: usize) -> &[f32] {
        let start = (token * self.order.parts() + part) * self.capacity;
        &self.values[start..start + self.capacity]
    }
}

/// The outputs `outputs` (whole strips) of `product` for its few tokens.
#[inline(always)]
pub(super) fn few<I: Isa, E: Element<Raw = u8>>(
    isa: I,
    product: &Product<'_>,
    units: &Units,
    active: &Active,
    outputs: Range<usize>,
) {
    for first in outputs.clone().step_by(STRIP) {
        let strip = units.strip(first / STRIP);
        for token in 0..active.tokens {
            let sums = match active.order {
                Order::Classes | Order::Pairs => by_class::<I, E>(isa, strip, active, token),
                Order::Steps(parts) => by_step::<I, E>(isa, strip, active, token, parts),
            };
            let count = STRIP.min(outputs.end - first);
            product.finish(isa, token, first, &sums.as_flattened()[..count]);
        }
    }
}

/// A strip's sums for one token, class by class.
#[inline(always)]
fn by_class<I: Isa, E: Element<Raw = u8>>(
    isa: I,
    strip: &[u8],
    active: &Active,
    token: usize,
) -> [[f32; PANEL]; QUARTERS] {
    let ((places, ends), values) = (active.of_token(token), active.values(token, 0));
    let mut classes = [[[0.0; PANEL]; QUARTERS]; LANES];
    let mut begin = 0;
    for (class, end) in classes.iter_mut().zip(ends) {
        let sums = run::<I, E>(isa, strip, places, values, begin..*end);
        for (sum, out) in sums.into_iter().zip(class) {
            isa.store(sum, out);
        }
        begin = *end;
    }
    list!(QUARTERS, [0.0; PANEL], |quarter| fold::<I, LANES>(isa, |class| &classes[class][quarter]))
}

/// A strip's sums for one token, step by step. Runs without a unit would add zeros.
#[inline(always)]
fn by_step<I: Isa, E: Element<Raw = u8>>(
    isa: I,
    strip: &[u8],
    active: &Active,
    token: usize,
    parts: usize,
) -> [[f32; PANEL]; QUARTERS] {
    let (places, ends) = active.of_token(token);
    let values = list!(MOST_PARTS, active.values(token, 0), |part| active.values(token, part.min(parts - 1)));
    let mut sums = [isa.splat(0.0); QUARTERS];
    let mut begin = 0;
    for [middle, end] in ends.as_chunks::<2>().0 {
        for values in &values[..parts] {
            if begin == *end {
                break;
            }
            let even = run::<I, E>(isa, strip, places, values, begin..*middle);
            let odd = run::<I, E>(isa, strip, places, values, *middle..*end);
            for quarter in 0..QUARTERS {
                sums[quarter] = isa.lanes_add(sums[quarter], isa.lanes_add(even[quarter], odd[quarter]));
            }
        }
        begin = *end;
    }
    let mut out = [[0.0; PANEL]; QUARTERS];
    for quarter in 0..QUARTERS {
        isa.store(sums[quarter], &mut out[quarter]);
    }
    out
}

/// The products of the units `of`, added up in order.
#[inline(always)]
fn run<I: Isa, E: Element<Raw = u8>>(
    isa: I,
    strip: &[u8],
    places: &[u32],
    values: &[f32],
    of: Range<usize>,
) -> [I::Lanes; QUARTERS] {
    let unit_bytes = STRIP * E::SIZE;
    let mut sums = [isa.splat(0.0); QUARTERS];
    for at in of {
        let ahead = places[(at + AHEAD).min(places.len() - 1)] as usize * unit_bytes;
        for line in (0..unit_bytes).step_by(64) {
            isa.prefetch(strip.as_ptr().wrapping_add(ahead + line));
        }
        let unit = places[at] as usize * unit_bytes;
        let (numbers, _) = E::split(&strip[unit..unit + unit_bytes]);
        let x = isa.splat(values[at]);
        for (sum, numbers) in sums.iter_mut().zip(numbers) {
            *sum = isa.lanes_mul_add(E::read(isa, numbers), x, *sum);
        }
    }
    sums
}

/// Turns the sixteen outputs from `output` on into a panel, as `panels::pack` does for rows.
#[inline(always)]
pub(super) fn pack<I: Isa, E: Element<Raw = u8>>(isa: I, units: &Units, output: usize, panel: &mut [f32]) {
    let (strip, quarter) = (units.strip(output / STRIP), output % STRIP / PANEL);
    let (unit_bytes, quarter_bytes) = (STRIP * E::SIZE, PANEL * E::SIZE);
    let steps = units.inputs.div_ceil(LANES);
    let classes = panel.as_chunks_mut::<PANEL>().0.chunks_exact_mut(stride(steps));
    for (class, out) in strip.chunks_exact(steps * unit_bytes).zip(classes) {
        for (unit, out) in class.chunks_exact(unit_bytes).zip(out) {
            let (numbers, _) = E::split(&unit[quarter * quarter_bytes..(quarter + 1) * quarter_bytes]);
            if let Some(numbers) = numbers.first() {
                isa.store(E::read(isa, numbers), out);
            }
        }
    }
}
