//! How the numbers of a product's depth meet: one by one, or in pairs rounded to bf16.

use wkv7_cpu::math::Math;
use wkv7_cpu::pairs::PairMath;

/// What lies in a panel or strip in place of numbers, and how two of it meet.
pub(super) trait Terms: Copy + Send + Sync {
    type Math: Math;

    /// Numbers of the depth in a term: one or two.
    const DEEP: usize;

    fn math(self) -> Self::Math;

    /// The term of a number and the one behind it.
    fn one(self, numbers: [NumberOf<Self>; 2]) -> NumberOf<Self>;

    /// The same on every lane.
    fn lanes(self, numbers: [Lanes<Self>; 2]) -> Lanes<Self>;

    /// `sum`, plus the products of the numbers of `a` and `b`.
    fn add(self, a: Lanes<Self>, b: Lanes<Self>, sum: Lanes<Self>) -> Lanes<Self>;
}

/// What is multiplied.
pub(super) type NumberOf<T> = <<T as Terms>::Math as Math>::Number;
type Lanes<T> = <<T as Terms>::Math as Math>::Lanes;

/// The numbers as they are; what is said to be behind one is not looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct One<M>(pub(super) M);

impl<M: Math> Terms for One<M> {
    type Math = M;

    const DEEP: usize = 1;

    #[inline(always)]
    fn math(self) -> M {
        self.0
    }

    #[inline(always)]
    fn one(self, [number, _]: [M::Number; 2]) -> M::Number {
        number
    }

    #[inline(always)]
    fn lanes(self, [numbers, _]: [M::Lanes; 2]) -> M::Lanes {
        numbers
    }

    #[inline(always)]
    fn add(self, a: M::Lanes, b: M::Lanes, sum: M::Lanes) -> M::Lanes {
        self.0.lanes_mul_add(a, b, sum)
    }
}

/// Two numbers, rounded to bf16.
#[derive(Debug, Clone, Copy)]
pub(super) struct Two<M>(pub(super) M);

impl<M: PairMath> Terms for Two<M> {
    type Math = M;

    const DEEP: usize = 2;

    #[inline(always)]
    fn math(self) -> M {
        self.0
    }

    #[inline(always)]
    fn one(self, [first, second]: [f32; 2]) -> f32 {
        self.0.pair_of(first, second)
    }

    #[inline(always)]
    fn lanes(self, [first, second]: [M::Lanes; 2]) -> M::Lanes {
        self.0.pairs_of(first, second)
    }

    #[inline(always)]
    fn add(self, a: M::Lanes, b: M::Lanes, sum: M::Lanes) -> M::Lanes {
        self.0.lanes_dot(a, b, sum)
    }
}

/// Whether pairs are faster: rounding costs as much for few rows or columns as for many.
pub(super) fn are_pairs_worth_it(rows: usize, depth: usize, columns: usize) -> bool {
    const FEW: usize = 64;
    rows >= FEW && columns >= FEW && depth >= FEW
}
