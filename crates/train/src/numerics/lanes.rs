//! Lanes of several vectors at a time. Where a loop writes more than one vector the compiler loses track of what may overlap,
//! and gives up its vector code: taking lanes of everything first, and putting lanes back, leaves it no doubt.

use wkv7_cpu::math::LANES;

/// The list of `$value` for each lane `$n`.
macro_rules! each {
    (|$n:ident| $value:expr) => {{
        let mut list = [Default::default(); wkv7_cpu::math::LANES];
        for $n in 0..wkv7_cpu::math::LANES {
            list[$n] = $value;
        }
        list
    }};
}
pub(crate) use each;

/// Lanes of `x`.
#[inline(always)]
pub(crate) fn take<R: Copy>(x: &[R], at: usize) -> [R; LANES] {
    let (lanes, _) = x[at..at + LANES].as_chunks();
    lanes[0]
}

/// Writes them.
#[inline(always)]
pub(crate) fn put<R: Copy>(lanes: [R; LANES], x: &mut [R], at: usize) {
    x[at..at + LANES].copy_from_slice(&lanes);
}
