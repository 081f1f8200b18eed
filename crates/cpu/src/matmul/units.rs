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
use crate::team::Shared;

/// Outputs of a strip: their sums fill half of the registers, and a unit's numbers whole cache lines.
pub(crate) const STRIP: usize = 64;
const QUARTERS: usize = STRIP / LANES;

/// Units between the one at work and the one that is asked for ahead.
const AHEAD: usize = 16;

/// A matrix `[outputs, inputs]` of plain numbers, stored by unit: `[strips, classes, inputs / 16, 64]`.
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
pub(crate) fn fill<const SIZE: usize>(rows: &[u8], inputs: usize, strip: &mut [u8]) {
    let steps = inputs.div_ceil(LANES);
    let (strip, _) = strip.as_chunks_mut::<SIZE>();
    let (numbers, _) = rows.as_chunks::<SIZE>();
    // Units whose numbers are written together while the lines that hold them are in the cache.
    const TOGETHER: usize = 64;
    for first in (0..inputs).step_by(TOGETHER) {
        for (row, numbers) in numbers.chunks_exact(inputs).enumerate() {
            for unit in first..(first + TOGETHER).min(inputs) {
                let place = unit % LANES * steps + unit / LANES;
                strip[place * STRIP + row] = numbers[unit];
            }
        }
    }
}

/// The inputs that are not zero, of each of a few tokens.
#[derive(Debug, Default)]
pub(crate) struct Active {
    tokens: usize,
    capacity: usize,  // of a token
    places: Vec<u32>, // [tokens, capacity]: where a strip has the unit
    values: Vec<f32>, // [tokens, capacity]
    ends: Vec<usize>, // [tokens, classes]: where the units of a class end
}

impl Active {
    /// Makes room for `tokens` of `inputs` numbers.
    pub(crate) fn resize(&mut self, inputs: usize, tokens: usize) {
        (self.tokens, self.capacity) = (tokens, inputs + 1);
        let len = tokens * self.capacity;
        self.places.resize(self.places.len().max(len), 0);
        self.values.resize(self.values.len().max(len), 0.0);
        self.ends.resize(self.ends.len().max(tokens * LANES), 0);
    }

    /// Finds the units of `token` among its inputs; returns how many there are.
    pub(crate) fn find(&mut self, token: usize, x: &[f32]) -> usize {
        let steps = x.len().div_ceil(LANES);
        let of = token * self.capacity..(token + 1) * self.capacity;
        let (places, values) = (&mut self.places[of.clone()], &mut self.values[of]);
        let ends = &mut self.ends[token * LANES..(token + 1) * LANES];
        let mut count = 0;
        for (class, end) in ends.iter_mut().enumerate() {
            for (step, x) in x[class.min(x.len())..].iter().step_by(LANES).enumerate() {
                // Written in any case, kept where it is not zero: no branch that cannot be foreseen.
                (places[count], values[count]) = ((class * steps + step) as u32, *x);
                count += usize::from(*x != 0.0);
            }
            *end = count;
        }
        count
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
            let sums = sums::<I, E>(isa, strip, active, token);
            let count = STRIP.min(outputs.end - first);
            product.finish(isa, token, first, &sums.as_flattened()[..count]);
        }
    }
}

/// A strip's sums for one token.
#[inline(always)]
fn sums<I: Isa, E: Element<Raw = u8>>(
    isa: I,
    strip: &[u8],
    active: &Active,
    token: usize,
) -> [[f32; PANEL]; QUARTERS] {
    let start = token * active.capacity;
    let ends = &active.ends[token * LANES..(token + 1) * LANES];
    let count = ends[LANES - 1];
    let (places, values) = (&active.places[start..start + count], &active.values[start..start + count]);
    let unit_bytes = STRIP * E::SIZE;
    let mut classes = [[[0.0; PANEL]; QUARTERS]; LANES];
    let mut begin = 0;
    for (class, end) in classes.iter_mut().zip(ends) {
        let mut sums = [isa.splat(0.0); QUARTERS];
        for at in begin..*end {
            let ahead = places[(at + AHEAD).min(count - 1)] as usize * unit_bytes;
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
        for (sum, out) in sums.into_iter().zip(class) {
            isa.store(sum, out);
        }
        begin = *end;
    }
    list!(QUARTERS, [0.0; PANEL], |quarter| fold::<I, LANES>(isa, |class| &classes[class][quarter]))
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
