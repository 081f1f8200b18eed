//! The recurrence of one head and its gradient, token after token.
//!
//! With `S` the memory (value, key): `sa = S a`, `S' = S diag(w) + sa b' + v k'`, `y = S' r`. Given `dy` and the gradient `G`
//! of `S'` from later tokens,
//!
//! ```text
//! G += dy r'        dr = S'' dy      dk = G' v    dv = G k    dw = sum_i (G * S)_i
//! dsa = G b         db = G' sa       da = S' dsa  then G = G diag(w) + dsa a'
//! ```
//!
//! Forward, the memory lies by key, so that every sum over keys runs down the lanes; backward, `G` is kept both ways for the
//! same reason, and the states lie by value. The sums over several tokens never meet in one number, so nothing here
//! depends on how a sequence is cut.

use wkv7_cpu::math::{LANES, Math, Number};

use super::rows::Cut;

/// The vectors of one token that a step takes, `[size]` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a, R> {
    pub(crate) r: &'a [R],
    pub(crate) w: &'a [R],
    pub(crate) k: &'a [R],
    pub(crate) v: &'a [R],
    pub(crate) a: &'a [R],
    pub(crate) b: &'a [R],
}

/// Calls `$kernel` with as many lanes together as the size of a head allows.
macro_rules! by_size {
    ($size:expr, $kernel:ident::<$math:ty>($($argument:expr),*)) => {
        match ($size / LANES) % 4 {
            0 => $kernel::<$math, 4>($($argument),*),
            2 => $kernel::<$math, 2>($($argument),*),
            _ => $kernel::<$math, 1>($($argument),*),
        }
    };
}

/// `B` vectors of lanes from `at` on.
#[inline(always)]
fn load<M: Math, const B: usize>(math: M, x: &[M::Number], at: usize) -> [M::Lanes; B] {
    let (x, _) = x[at..at + B * LANES].as_chunks::<LANES>();
    let mut lanes = [math.splat(M::Number::default()); B];
    for p in 0..B {
        lanes[p] = math.load(&x[p]);
    }
    lanes
}

/// Writes them.
#[inline(always)]
fn store<M: Math, const B: usize>(math: M, lanes: [M::Lanes; B], x: &mut [M::Number], at: usize) {
    let (x, _) = x[at..at + B * LANES].as_chunks_mut::<LANES>();
    for p in 0..B {
        math.store(lanes[p], &mut x[p]);
    }
}

/// `sum_j z[j] x[j]`, with `z` `[size (j), size]`: into `out`.
#[inline(always)]
pub(crate) fn weigh<M: Math>(math: M, z: &[M::Number], x: &[M::Number], out: &mut [M::Number]) {
    by_size!(x.len(), weigh_lanes::<M>(math, z, x, out));
}

#[inline(always)]
fn weigh_lanes<M: Math, const B: usize>(math: M, z: &[M::Number], x: &[M::Number], out: &mut [M::Number]) {
    let size = x.len();
    for at in (0..size).step_by(B * LANES) {
        let mut sums = [math.splat(M::Number::default()); B];
        for (z, x) in z.chunks_exact(size).zip(x) {
            let (row, x) = (load::<M, B>(math, z, at), math.splat(*x));
            for p in 0..B {
                sums[p] = math.lanes_mul_add(row[p], x, sums[p]);
            }
        }
        store(math, sums, out, at);
    }
}

/// One token: `z` (by key) goes on, `y` is read from it, and `sa_next`, what it holds under the next token's `a`.
#[inline(always)]
pub(crate) fn advance<M: Math>(
    math: M,
    z: &mut [M::Number],
    token: Token<'_, M::Number>,
    a_next: &[M::Number],
    sa: &[M::Number],
    y: &mut [M::Number],
    sa_next: &mut [M::Number],
) {
    by_size!(y.len(), advance_lanes::<M>(math, z, token, a_next, sa, y, sa_next));
}

#[inline(always)]
fn advance_lanes<M: Math, const B: usize>(
    math: M,
    z: &mut [M::Number],
    Token { r, w, k, v, b, .. }: Token<'_, M::Number>,
    a_next: &[M::Number],
    sa: &[M::Number],
    y: &mut [M::Number],
    sa_next: &mut [M::Number],
) {
    let size = y.len();
    let (r, w, k, b, a_next) = (&r[..size], &w[..size], &k[..size], &b[..size], &a_next[..size]);
    for at in (0..size).step_by(B * LANES) {
        let (sa, v) = (load::<M, B>(math, sa, at), load::<M, B>(math, v, at));
        let mut ys = [math.splat(M::Number::default()); B];
        let mut next = ys;
        for (j, z) in z.chunks_exact_mut(size).enumerate().take(size) {
            let mut row = load::<M, B>(math, z, at);
            let (w, b, k, r, a) =
                (math.splat(w[j]), math.splat(b[j]), math.splat(k[j]), math.splat(r[j]), math.splat(a_next[j]));
            for p in 0..B {
                row[p] = math.lanes_mul(row[p], w);
                row[p] = math.lanes_mul_add(sa[p], b, row[p]);
                row[p] = math.lanes_mul_add(v[p], k, row[p]);
                ys[p] = math.lanes_mul_add(row[p], r, ys[p]);
                next[p] = math.lanes_mul_add(row[p], a, next[p]);
            }
            store(math, row, z, at);
        }
        store(math, ys, y, at);
        store(math, next, sa_next, at);
    }
}

/// The state after a token from that before it, both by value, given its `sa`.
#[inline(always)]
pub(crate) fn replay<M: Math>(
    math: M,
    before: &[M::Number],
    token: Token<'_, M::Number>,
    sa: &[M::Number],
    after: &mut [M::Number],
) {
    by_size!(sa.len(), replay_lanes::<M>(math, before, token, sa, after));
}

#[inline(always)]
fn replay_lanes<M: Math, const B: usize>(
    math: M,
    before: &[M::Number],
    Token { w, k, v, b, .. }: Token<'_, M::Number>,
    sa: &[M::Number],
    after: &mut [M::Number],
) {
    let size = sa.len();
    for at in (0..size).step_by(B * LANES) {
        let (w, k, b) = (load::<M, B>(math, w, at), load::<M, B>(math, k, at), load::<M, B>(math, b, at));
        let rows = before.chunks_exact(size).zip(after.chunks_exact_mut(size));
        for ((before, after), (sa, v)) in rows.zip(sa.iter().zip(v)) {
            let mut row = load::<M, B>(math, before, at);
            let (sa, v) = (math.splat(*sa), math.splat(*v));
            for p in 0..B {
                row[p] = math.lanes_mul(row[p], w[p]);
                row[p] = math.lanes_mul_add(sa, b[p], row[p]);
                row[p] = math.lanes_mul_add(v, k[p], row[p]);
            }
            store(math, row, after, at);
        }
    }
}

/// What the tokens after one leave to it.
#[derive(Debug)]
pub(crate) struct Later<R> {
    by_value: Vec<R>, // `G`, [size (value), size (key)]
    by_key: Vec<R>,   // its transpose
    // What is to become of them once the token before asks: `G diag(w) + dsa a'`.
    w: Vec<R>,
    a: Vec<R>,
    dsa: Vec<R>,
}

/// The gradients of one token's vectors, `[size]` each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gradients<R> {
    pub(crate) r: Vec<R>,
    pub(crate) w: Vec<R>,
    pub(crate) k: Vec<R>,
    pub(crate) v: Vec<R>,
    pub(crate) a: Vec<R>,
    pub(crate) b: Vec<R>,
}

impl<R: Number> Gradients<R> {
    pub(crate) fn new(size: usize) -> Self {
        let zeros = || vec![R::default(); size];
        Self { r: zeros(), w: zeros(), k: zeros(), v: zeros(), a: zeros(), b: zeros() }
    }
}

impl<R: Number> Later<R> {
    /// Nothing comes later.
    pub(crate) fn new(size: usize) -> Self {
        let zeros = |len: usize| vec![R::default(); len];
        let (by_value, by_key) = (zeros(size * size), zeros(size * size));
        Self { by_value, by_key, w: vec![R::of(1.0); size], a: zeros(size), dsa: zeros(size) }
    }

    /// One token further back: its gradients, from that of its `y`. `before` and `after` are the states by value.
    #[inline(always)]
    pub(crate) fn step<M: Math<Number = R>>(
        &mut self,
        math: M,
        token: Token<'_, R>,
        dy: &[R],
        sa: &[R],
        states: (&[R], &[R]),
        out: &mut Gradients<R>,
    ) {
        let size = dy.len();
        let mut dsa = [R::default(); Cut::MOST];
        let dsa = &mut dsa[..size];
        by_size!(size, by_key_lanes::<M>(math, self, token, dy, &mut out.v, dsa));
        if M::PANELS == 2 && size % (2 * LANES) == 0 {
            by_value_lanes::<M, 2>(math, self, token, dy, sa, dsa, states, out);
        } else {
            by_value_lanes::<M, 1>(math, self, token, dy, sa, dsa, states, out);
        }
        self.w.copy_from_slice(token.w);
        self.a.copy_from_slice(token.a);
        self.dsa.copy_from_slice(dsa);
    }

    /// The gradient of the state before the last token asked for, by value; added to `sum`.
    pub(crate) fn add_to(&self, sum: &mut [R]) {
        let size = self.w.len();
        for (i, (g, sum)) in self.by_value.chunks_exact(size).zip(sum.chunks_exact_mut(size)).enumerate() {
            for j in 0..size {
                sum[j] += g[j] * self.w[j] + self.dsa[i] * self.a[j];
            }
        }
    }
}

/// `dv` and `dsa`, which are sums over keys.
#[inline(always)]
fn by_key_lanes<M: Math, const B: usize>(
    math: M,
    later: &mut Later<M::Number>,
    Token { r, k, b, .. }: Token<'_, M::Number>,
    dy: &[M::Number],
    dv: &mut [M::Number],
    dsa: &mut [M::Number],
) {
    let size = dy.len();
    let (w, a) = (&later.w[..size], &later.a[..size]);
    let (r, k, b) = (&r[..size], &k[..size], &b[..size]);
    for at in (0..size).step_by(B * LANES) {
        let (old, dy) = (load::<M, B>(math, &later.dsa, at), load::<M, B>(math, dy, at));
        let mut dvs = [math.splat(M::Number::default()); B];
        let mut dsas = dvs;
        for (j, g) in later.by_key.chunks_exact_mut(size).enumerate().take(size) {
            let mut row = load::<M, B>(math, g, at);
            let (w, a, r, k, b) =
                (math.splat(w[j]), math.splat(a[j]), math.splat(r[j]), math.splat(k[j]), math.splat(b[j]));
            for p in 0..B {
                row[p] = math.lanes_mul(row[p], w);
                row[p] = math.lanes_mul_add(old[p], a, row[p]);
                row[p] = math.lanes_mul_add(dy[p], r, row[p]);
                dvs[p] = math.lanes_mul_add(row[p], k, dvs[p]);
                dsas[p] = math.lanes_mul_add(row[p], b, dsas[p]);
            }
            store(math, row, g, at);
        }
        store(math, dvs, dv, at);
        store(math, dsas, dsa, at);
    }
}

/// The others, which are sums over values.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
fn by_value_lanes<M: Math, const B: usize>(
    math: M,
    later: &mut Later<M::Number>,
    Token { r, v, .. }: Token<'_, M::Number>,
    dy: &[M::Number],
    sa: &[M::Number],
    dsa: &[M::Number],
    (before, after): (&[M::Number], &[M::Number]),
    out: &mut Gradients<M::Number>,
) {
    let size = dy.len();
    let (v, sa, dsa, old) = (&v[..size], &sa[..size], &dsa[..size], &later.dsa[..size]);
    for at in (0..size).step_by(B * LANES) {
        let (w, a) = (load::<M, B>(math, &later.w, at), load::<M, B>(math, &later.a, at));
        let r = load::<M, B>(math, r, at);
        let mut drs = [math.splat(M::Number::default()); B];
        let (mut dws, mut dks, mut das, mut dbs) = (drs, drs, drs, drs);
        let states = before.chunks_exact(size).zip(after.chunks_exact(size));
        let rows = later.by_value.chunks_exact_mut(size).zip(states).enumerate().take(size);
        for (i, (g, (before, after))) in rows {
            let mut row = load::<M, B>(math, g, at);
            let (before, after) = (load::<M, B>(math, before, at), load::<M, B>(math, after, at));
            let (old, dy, v, sa, dsa) =
                (math.splat(old[i]), math.splat(dy[i]), math.splat(v[i]), math.splat(sa[i]), math.splat(dsa[i]));
            for p in 0..B {
                row[p] = math.lanes_mul(row[p], w[p]);
                row[p] = math.lanes_mul_add(a[p], old, row[p]);
                row[p] = math.lanes_mul_add(r[p], dy, row[p]);
                drs[p] = math.lanes_mul_add(after[p], dy, drs[p]);
                dws[p] = math.lanes_mul_add(row[p], before[p], dws[p]);
                dks[p] = math.lanes_mul_add(row[p], v, dks[p]);
                dbs[p] = math.lanes_mul_add(row[p], sa, dbs[p]);
                das[p] = math.lanes_mul_add(before[p], dsa, das[p]);
            }
            store(math, row, g, at);
        }
        store(math, drs, &mut out.r, at);
        store(math, dws, &mut out.w, at);
        store(math, dks, &mut out.k, at);
        store(math, das, &mut out.a, at);
        store(math, dbs, &mut out.b, at);
    }
}
