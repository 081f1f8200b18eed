//! The recurrence of one head and its gradient, token after token.
//!
//! With `S` the memory (value, key): `sa = S a`, `S' = S diag(w) + sa b' + v k'`, `y = S' r`. Given `dy` and the gradient `G`
//! of `S'` from later tokens,
//!
//! ```text
//! G += dy r'        dk = G' v    dv = G k    dw = sum_i (G * S)_i
//! dsa = G b         db = G' sa   da = S' dsa    then G = G diag(w) + dsa a'
//! dr = w * (S' dy) + b (sa . dy) + k (v . dy), which is what the state after the token gives, read from that before it
//! ```
//!
//! Forward, the memory lies by key, so that every sum over keys runs down the lanes; backward, `G` is kept both ways for the
//! same reason, and the states lie by value. The sums over several tokens never meet in one number, so nothing here
//! depends on how a sequence is cut.

use wkv7_cpu::math::{LANES, Math, Number};

use super::norm::dot;

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

/// Those of the tokens of a piece, `[tokens, size]` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens<'a, R> {
    pub(crate) size: usize,
    pub(crate) r: &'a [R],
    pub(crate) w: &'a [R],
    pub(crate) k: &'a [R],
    pub(crate) v: &'a [R],
    pub(crate) a: &'a [R],
    pub(crate) b: &'a [R],
}

impl<'a, R> Tokens<'a, R> {
    /// The token in place `slot`.
    #[inline(always)]
    pub(crate) fn at(&self, slot: usize) -> Token<'a, R> {
        let here = slot * self.size..(slot + 1) * self.size;
        Token {
            r: &self.r[here.clone()],
            w: &self.w[here.clone()],
            k: &self.k[here.clone()],
            v: &self.v[here.clone()],
            a: &self.a[here.clone()],
            b: &self.b[here],
        }
    }
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
        let (ys, next) = sweep(math, z, at, (w, [(sa, b), (v, k)]), [r, a_next]);
        store(math, ys, y, at);
        store(math, next, sa_next, at);
    }
}

/// One step of a matrix `z` by key, in the columns from `at` on: its rows fade by `w`, two products of a vector (down the lanes)
/// and a number for each row are added, and the sums of the new rows, weighed in two ways, are returned.
#[inline(always)]
fn sweep<M: Math, const B: usize>(
    math: M,
    z: &mut [M::Number],
    at: usize,
    (w, [(x, by_x), (y, by_y)]): (&[M::Number], [([M::Lanes; B], &[M::Number]); 2]),
    [first, second]: [&[M::Number]; 2],
) -> ([M::Lanes; B], [M::Lanes; B]) {
    let size = w.len();
    let (by_x, by_y, first, second) = (&by_x[..size], &by_y[..size], &first[..size], &second[..size]);
    let mut firsts = [math.splat(M::Number::default()); B];
    let mut seconds = firsts;
    for (j, z) in z.chunks_exact_mut(size).enumerate().take(size) {
        let mut row = load::<M, B>(math, z, at);
        let (w, by_x, by_y) = (math.splat(w[j]), math.splat(by_x[j]), math.splat(by_y[j]));
        let (first, second) = (math.splat(first[j]), math.splat(second[j]));
        for p in 0..B {
            row[p] = math.lanes_mul(row[p], w);
            row[p] = math.lanes_mul_add(x[p], by_x, row[p]);
            row[p] = math.lanes_mul_add(y[p], by_y, row[p]);
            firsts[p] = math.lanes_mul_add(row[p], first, firsts[p]);
            seconds[p] = math.lanes_mul_add(row[p], second, seconds[p]);
        }
        store(math, row, z, at);
    }
    (firsts, seconds)
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

/// The gradients of the vectors of a piece's tokens, `[tokens, size]` each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gradients<R> {
    pub(crate) r: Vec<R>,
    pub(crate) w: Vec<R>,
    pub(crate) k: Vec<R>,
    pub(crate) v: Vec<R>,
    pub(crate) a: Vec<R>,
    pub(crate) b: Vec<R>,
    dsa: Vec<R>,
    states: Vec<R>, // after every token but the last, some keys of them: [tokens, size (value), keys]
}

impl<R: Number> Gradients<R> {
    pub(crate) fn new(tokens: usize, size: usize) -> Self {
        let zeros = || vec![R::default(); tokens * size];
        let (r, w, k, v, a, b, dsa) = (zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros());
        Self { r, w, k, v, a, b, dsa, states: Vec::new() }
    }
}

impl<R: Number> Later<R> {
    /// Nothing comes later.
    pub(crate) fn new(size: usize) -> Self {
        let zeros = |len: usize| vec![R::default(); len];
        let (by_value, by_key) = (zeros(size * size), zeros(size * size));
        Self { by_value, by_key, w: vec![R::of(1.0); size], a: zeros(size), dsa: zeros(size) }
    }

    /// The tokens of a piece, `dys.len() / size` of them, from the last to the first: their gradients, from those of their
    /// `y`. `start` is the state that the first met, by value. Sums over keys and sums over values are each done for some
    /// values, or keys, of all tokens before the next: what they walk over then stays in the first-level cache.
    #[inline(always)]
    pub(crate) fn piece<M: Math<Number = R>>(
        &mut self,
        math: M,
        tokens: Tokens<'_, R>,
        dys: &[R],
        sas: &[R],
        start: &[R],
        out: &mut Gradients<R>,
    ) {
        if tokens.size.is_multiple_of(2 * LANES) {
            by_key_lanes::<M, 2>(math, self, tokens, dys, out);
        } else {
            by_key_lanes::<M, 1>(math, self, tokens, dys, out);
        }
        if M::PANELS == 2 && tokens.size.is_multiple_of(2 * LANES) {
            by_value_lanes::<M, 2>(math, self, tokens, dys, sas, start, out);
        } else {
            by_value_lanes::<M, 1>(math, self, tokens, dys, sas, start, out);
        }
        let size = tokens.size;
        for (slot, dr) in out.r.chunks_exact_mut(size).enumerate().take(dys.len() / size) {
            let here = slot * size..(slot + 1) * size;
            let (dy, token) = (&dys[here.clone()], tokens.at(slot));
            let (by_sa, by_v) = (dot(math, &sas[here], dy), dot(math, token.v, dy));
            read_out(math, token, by_sa, by_v, dr);
        }
        let Token { w, a, .. } = tokens.at(0);
        self.w.copy_from_slice(w);
        self.a.copy_from_slice(a);
        self.dsa.copy_from_slice(&out.dsa[..size]);
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
    tokens: Tokens<'_, M::Number>,
    dys: &[M::Number],
    out: &mut Gradients<M::Number>,
) {
    let size = tokens.size;
    for at in (0..size).step_by(B * LANES) {
        let (mut w, mut a) = (&later.w[..size], &later.a[..size]);
        let mut old = load::<M, B>(math, &later.dsa, at);
        for slot in (0..dys.len() / size).rev() {
            let token = tokens.at(slot);
            let (r, k, b) = (&token.r[..size], &token.k[..size], &token.b[..size]);
            let dy = load::<M, B>(math, dys, slot * size + at);
            let (dvs, dsas) = sweep(math, &mut later.by_key, at, (w, [(old, a), (dy, r)]), [k, b]);
            store(math, dvs, &mut out.v, slot * size + at);
            store(math, dsas, &mut out.dsa, slot * size + at);
            (w, a, old) = (&token.w[..size], &token.a[..size], dsas);
        }
    }
}

/// The others, which are sums over values. The states before every token are made once more, each from the one before it.
#[inline(always)]
fn by_value_lanes<M: Math, const B: usize>(
    math: M,
    later: &mut Later<M::Number>,
    tokens: Tokens<'_, M::Number>,
    dys: &[M::Number],
    sas: &[M::Number],
    start: &[M::Number],
    out: &mut Gradients<M::Number>,
) {
    let (size, count) = (tokens.size, dys.len() / tokens.size);
    let (some, zero) = (B * LANES, M::Number::default());
    out.states.resize(out.states.len().max(count * size * some), zero);
    for at in (0..size).step_by(some) {
        for slot in 0..count - 1 {
            let (before, after) = out.states.split_at_mut(slot * size * some);
            let sa = &sas[slot * size..(slot + 1) * size];
            let before = match slot {
                0 => Rows { numbers: start, stride: size, at },
                _ => Rows { numbers: &before[(slot - 1) * size * some..], stride: some, at: 0 },
            };
            replay::<M, B>(math, tokens.at(slot), at, sa, before, after);
        }
        let (mut w, mut a) = (load::<M, B>(math, &later.w, at), load::<M, B>(math, &later.a, at));
        for slot in (0..count).rev() {
            let here = slot * size..(slot + 1) * size;
            let old = match slot + 1 {
                next if next < count => &out.dsa[next * size..(next + 1) * size],
                _ => &later.dsa[..size],
            };
            let Token { r, v, w: own_w, a: own_a, .. } = tokens.at(slot);
            let (dy, sa, dsa, v) = (&dys[here.clone()], &sas[here.clone()], &out.dsa[here], &v[..size]);
            let r = load::<M, B>(math, r, at);
            let mut drs = [math.splat(zero); B];
            let (mut dws, mut dks, mut das, mut dbs) = (drs, drs, drs, drs);
            let before = match slot {
                0 => Rows { numbers: start, stride: size, at },
                _ => Rows { numbers: &out.states[(slot - 1) * size * some..], stride: some, at: 0 },
            };
            for (i, g) in later.by_value.chunks_exact_mut(size).enumerate().take(size) {
                let (mut row, before) = (load::<M, B>(math, g, at), before.load::<M, B>(math, i));
                let (old, dy, v, sa, dsa) = (
                    math.splat(old[i]),
                    math.splat(dy[i]),
                    math.splat(v[i]),
                    math.splat(sa[i]),
                    math.splat(dsa[i]),
                );
                for p in 0..B {
                    row[p] = math.lanes_mul(row[p], w[p]);
                    row[p] = math.lanes_mul_add(a[p], old, row[p]);
                    row[p] = math.lanes_mul_add(r[p], dy, row[p]);
                    drs[p] = math.lanes_mul_add(before[p], dy, drs[p]);
                    dws[p] = math.lanes_mul_add(row[p], before[p], dws[p]);
                    dks[p] = math.lanes_mul_add(row[p], v, dks[p]);
                    dbs[p] = math.lanes_mul_add(row[p], sa, dbs[p]);
                    das[p] = math.lanes_mul_add(before[p], dsa, das[p]);
                }
                store(math, row, g, at);
            }
            let place = slot * size + at;
            store(math, drs, &mut out.r, place);
            store(math, dws, &mut out.w, place);
            store(math, dks, &mut out.k, place);
            store(math, das, &mut out.a, place);
            store(math, dbs, &mut out.b, place);
            (w, a) = (load::<M, B>(math, own_w, at), load::<M, B>(math, own_a, at));
        }
    }
}

/// Some keys of a state, by value, wherever they lie.
#[derive(Clone, Copy)]
struct Rows<'a, R> {
    numbers: &'a [R],
    stride: usize,
    at: usize,
}

impl<R: Number> Rows<'_, R> {
    /// Those of a row.
    #[inline(always)]
    fn load<M: Math<Number = R>, const B: usize>(&self, math: M, row: usize) -> [M::Lanes; B] {
        load::<M, B>(math, self.numbers, row * self.stride + self.at)
    }
}

/// Some keys of the state after a token, from those before it, `[size (value), keys]`.
#[inline(always)]
fn replay<M: Math, const B: usize>(
    math: M,
    Token { w, k, v, b, .. }: Token<'_, M::Number>,
    at: usize,
    sa: &[M::Number],
    before: Rows<'_, M::Number>,
    after: &mut [M::Number],
) {
    let (w, k, b) = (load::<M, B>(math, w, at), load::<M, B>(math, k, at), load::<M, B>(math, b, at));
    for (i, (after, (sa, v))) in after.chunks_exact_mut(B * LANES).zip(sa.iter().zip(v)).enumerate() {
        let mut row = before.load::<M, B>(math, i);
        let (sa, v) = (math.splat(*sa), math.splat(*v));
        for p in 0..B {
            row[p] = math.lanes_mul(row[p], w[p]);
            row[p] = math.lanes_mul_add(sa, b[p], row[p]);
            row[p] = math.lanes_mul_add(v, k[p], row[p]);
        }
        store(math, row, after, 0);
    }
}

/// `dr` from `S' dy`, which is in its place.
#[inline(always)]
fn read_out<M: Math>(
    math: M,
    Token { w, k, b, .. }: Token<'_, M::Number>,
    by_sa: M::Number,
    by_v: M::Number,
    dr: &mut [M::Number],
) {
    let size = dr.len();
    let (w, k, b) = (&w[..size], &k[..size], &b[..size]);
    for n in 0..size {
        dr[n] = math.mul_add(w[n], dr[n], math.mul_add(b[n], by_sa, k[n] * by_v));
    }
}
