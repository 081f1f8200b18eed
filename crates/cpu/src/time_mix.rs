//! Time mix: token shift, projections, the recurrent memory, gate and output.

use std::ops::Range;

use smallvec::SmallVec;

use crate::arch::{Isa, LANES};
use crate::exp::{exp, sigmoid};
use crate::matmul::{Meanwhile, Next, Product, Then, dot, multiply};
use crate::norm::{l2_normalize, norm};
use crate::pass::{Own, Pass};
use crate::scratch::{Buffers, SharedVectors, ranks};
use crate::team::Member;
use crate::weights::{Layer, LowRank, TimeMix};
use crate::wkv;

// exp(-exp(-0.5) * sigmoid(d)) keeps every decay in (0.545, 1), so no channel dies in one step.
const DECAY_SCALE: f32 = 0.606_530_66; // exp(-0.5)

/// All tokens through the time mix of layer number `at`; the result is added to the residual.
pub(crate) fn time_mix<I: Isa>(
    pass: &Pass<'_, I>,
    member: &Member<'_>,
    own: &mut Own,
    vectors: SharedVectors<'_>,
    layer: &Layer,
    at: usize,
) {
    let (isa, weights) = (pass.isa, &layer.time_mix);
    let mixes = weights.shift.each_ref().map(|shift| &**shift);
    pass.shift(member, own, &layer.ln1, (at, |memory| memory.att_shift), mixes, |token, n, x| {
        isa.run(
            #[inline(always)]
            // SAFETY: the vectors of a group of tokens are put by one task.
            || unsafe { vectors.mixed[n].put(isa, token, x) },
        );
    });
    project(pass, member, own, vectors, weights, at);

    let inner = inner_vectors(pass, member, vectors, at);
    let nets = nets(weights);
    let outs = [pass.buffers.d, pass.buffers.a, pass.buffers.g, pass.buffers.nu];
    let second = nets.into_iter().zip(inner).zip(outs).filter_map(|((net, inner), out)| {
        net.map(|net| {
            // SAFETY: the vectors are in, and the members have met since.
            let input = unsafe { inner.input() };
            Product::new(&net.second, input, out, Then::Store).apart().by_head(pass.by_head())
        })
    });
    let second: SmallVec<[_; 4]> = second.collect();
    if !pass.is_single() {
        let coming = &mut pass.coming(member, &mut own.asked, at);
        let meanwhile = Meanwhile { coming: Some(coming), ..Meanwhile::default() };
        multiply(isa, member, &mut own.desk, &second, meanwhile);
    }
    heads(pass, member, own, weights, at, &second);

    pass.each_token(member, |token| {
        // SAFETY: the heads have written it, and the members have met since.
        let y = unsafe { pass.buffers.y.view(pass.row(token)) };
        isa.run(
            #[inline(always)]
            // SAFETY: the vectors of a group of tokens are put by one task.
            || unsafe { vectors.read.put(isa, token, y) },
        );
    });
    // SAFETY: the vectors are in, and the members have met since, or made them for themselves.
    let read = unsafe { vectors.read.input() };
    let output = Product::new(&weights.output, read, pass.buffers.x, Then::Add).apart();
    let meanwhile = Meanwhile { next: pass.next(&layer.channel_mix.key, member), ..Meanwhile::default() };
    multiply(isa, member, &mut own.desk, &[output], meanwhile);
}

/// Decay, rate, gate, value residual.
fn nets(weights: &TimeMix) -> [Option<&LowRank>; 4] {
    [Some(&weights.decay), Some(&weights.rate), Some(&weights.gate), weights.value_residual.as_ref()]
}

/// What a single token reads first of head number `head` in the phase of heads.
fn of_head<'a, I: Isa>(pass: &Pass<'_, I>, weights: &'a TimeMix, head: usize) -> Next<'a> {
    let (heads, n) = (pass.config.heads, pass.config.head_size);
    if !pass.is_single() || head >= heads {
        return Next::default();
    }
    let rows = |net: &'a LowRank| net.second.rows(head * n..(head + 1) * n);
    Next::places(pass.isa, nets(weights).map(|net| net.map_or(&[] as &[u8], rows)))
}

/// Everything that mixes the channels of the shifted inputs, in one phase.
fn project<I: Isa>(
    pass: &Pass<'_, I>,
    member: &Member<'_>,
    own: &mut Own,
    vectors: SharedVectors<'_>,
    weights: &TimeMix,
    at: usize,
) {
    let buffers = pass.buffers;
    // SAFETY: the vectors are in, and the members have met since, or made them for themselves.
    let [x_r, x_w, x_k, x_v, x_a, x_g] = vectors.mixed.map(|mixed| unsafe { mixed.input() });
    // The first layer's value is what the later layers' values are blended with.
    let v = if weights.value_residual.is_some() { buffers.v } else { buffers.v_first };
    let mut products: SmallVec<[_; 7]> = SmallVec::new();
    products.extend([
        Product::new(&weights.receptance, x_r, buffers.r, Then::Store).apart().by_head(pass.by_head()),
        Product::new(&weights.key, x_k, buffers.k, Then::Store).apart().by_head(pass.by_head()),
        Product::new(&weights.value, x_v, v, Then::Store).apart().by_head(pass.by_head()),
    ]);
    let thens = [Then::Tanh, Then::Store, Then::Sigmoid, Then::Store];
    let nets = nets(weights).into_iter().zip([x_w, x_a, x_g, x_v]).zip(buffers.inner.into_iter().zip(thens));
    products.extend(
        nets.filter_map(|((net, x), (inner, then))| net.map(|net| Product::new(&net.first, x, inner, then))),
    );
    let next = of_head(pass, weights, member.number());
    let coming = &mut pass.coming(member, &mut own.asked, at);
    multiply(pass.isa, member, &mut own.desk, &products, Meanwhile { next, coming: Some(coming) });
}

/// What lies between the two matrices of each low-rank net, ready for the second.
fn inner_vectors<'a, I: Isa>(
    pass: &Pass<'_, I>,
    member: &Member<'_>,
    vectors: SharedVectors<'a>,
    at: usize,
) -> [crate::activations::SharedActivations<'a>; 4] {
    let widths = ranks(&pass.config.ranks[at]);
    let inner: [_; 4] = std::array::from_fn(|n| vectors.inner[n].of(widths[n]));
    let nets = if at == 0 { 3 } else { 4 }; // the first layer has no value residual
    pass.each_token(member, |token| {
        for (n, inner) in inner.iter().enumerate().take(nets) {
            // SAFETY: the products have written it, and the members have met since.
            let x = unsafe { pass.buffers.inner[n].view(token * widths[n]..(token + 1) * widths[n]) };
            pass.isa.run(
                #[inline(always)]
                // SAFETY: the vectors of a group of tokens are put by one task.
                || unsafe { inner.put(pass.isa, token, x) },
            );
        }
    });
    inner
}

/// Everything that stays within a head, in one phase over heads and sequences: `y` is made from the others. For a
/// single token, each head first takes its part of the low-rank nets' `second` products.
fn heads<I: Isa>(
    pass: &Pass<'_, I>,
    member: &Member<'_>,
    own: &mut Own,
    weights: &TimeMix,
    at: usize,
    second: &[Product<'_>],
) {
    let (isa, heads, n) = (pass.isa, pass.config.heads, pass.config.head_size);
    own.room.grow(ROOM * n);
    let Own { room, desk, h, .. } = own;
    let mut next = pass.next(&weights.output, member);
    let each = |task: usize| {
        let (piece, head) = (&pass.pieces[task / heads], task % heads);
        let channels = head * n..(head + 1) * n;
        if head == 0 {
            pass.remember(h, piece, at, |memory| memory.att_shift);
        }
        if pass.is_single() {
            // This member's next, unless another one helps it.
            let mut rows = of_head(pass, weights, task + member.members());
            while rows.ask(isa) {}
            for product in second {
                product.run(isa, channels.clone(), desk);
            }
        }
        let start = |task| (at * heads + task % heads) * n * n;
        // SAFETY: each task takes one head of one sequence, and a pass holds each sequence once.
        let s = unsafe { pass.memories[piece.memory].wkv.part(start(task)..start(task) + n * n) };
        // Where nothing follows, its own, which costs little to ask for.
        let after = task + member.members();
        let next_memory = pass
            .pieces
            .get(after / heads)
            .map_or(s.as_ptr(), |piece| pass.memories[piece.memory].wkv.address(start(after)));
        let one = Head { weights, channels };
        isa.run(
            #[inline(always)]
            || one.advance(pass, piece.places.clone(), s, next_memory, room),
        );
    };
    member.each_in_turn(heads * pass.pieces.len(), each, || next.ask(isa));
    own.asked = 0;
}

/// Tokens from the one at work to the one whose inputs are asked for.
const AHEAD: usize = 2;

/// Vectors that a head works with: two tokens' [`Prepared`], and two more.
const ROOM: usize = 12;

/// The recurrent memory's inputs of one token that are made for it, each `[n]`.
struct Prepared<'a> {
    w: &'a mut [f32],
    k: &'a mut [f32],
    v: &'a mut [f32],
    kk: &'a mut [f32], // removal key
    b: &'a mut [f32],
}

impl<'a> Prepared<'a> {
    fn new(mut take: impl FnMut() -> &'a mut [f32]) -> Self {
        Self { w: take(), k: take(), v: take(), kk: take(), b: take() }
    }
}

/// One head of one layer.
struct Head<'a> {
    weights: &'a TimeMix,
    channels: Range<usize>, // this head's
}

impl Head<'_> {
    /// All `tokens` of a piece through this head's memory `s`, into their places in `y`. The memory at `next_memory` is asked for
    /// meanwhile.
    #[inline(always)]
    fn advance<I: Isa>(
        &self,
        pass: &Pass<'_, I>,
        tokens: Range<usize>,
        s: &mut [f32],
        next_memory: *const f32,
        room: &mut [f32],
    ) {
        let (isa, n) = (pass.isa, self.channels.len());
        let mut parts = room[..ROOM * n].chunks_exact_mut(n);
        let mut take = || parts.next().unwrap_or_default();
        let (mut inputs, mut after) = (Prepared::new(&mut take), Prepared::new(&mut take));
        let (held, read) = (take(), take());
        let ln_x = &self.weights.ln_x;
        let (weight, bias) = (&ln_x.weight[self.channels.clone()], &ln_x.bias[self.channels.clone()]);
        let r_k = &self.weights.r_k[self.channels.clone()];
        let row = |token| {
            let start = pass.row(token).start + self.channels.start;
            start..start + n
        };
        // Those of what the products gave.
        let by_head = pass.by_head();
        let places = |token| match by_head {
            Some(head) => {
                let start = head.place(pass.tokens(), token, self.channels.start);
                start..start + n
            }
            None => row(token),
        };
        self.prepare(pass, places(tokens.start), &mut inputs);
        wkv::look(isa, s, inputs.kk, held);
        for token in tokens.clone() {
            let of = places(token);
            self.ask_for(pass, places(token + AHEAD).start, row(token + AHEAD).start);
            let next = if token + 1 < tokens.end {
                self.prepare(pass, places(token + 1), &mut after);
                wkv::Next::Token(&*after.kk)
            } else {
                wkv::Next::Memory(next_memory)
            };
            // SAFETY: only this task reads and writes this head's channels in this phase.
            let r = unsafe { pass.buffers.r.view(of.clone()) };
            // SAFETY: as above.
            let g = unsafe { pass.buffers.g.view(of.clone()) };
            // SAFETY: as above.
            let y = unsafe { pass.buffers.y.part(row(token)) };
            let Prepared { w, k, v, b, .. } = &inputs;
            wkv::step(isa, s, wkv::Inputs { r, w, k, v, b }, next, held, read);
            norm(isa, read, weight, bias, ln_x.eps, y);
            // The token's own contribution, outside the memory.
            for ((rk, r), k) in read.iter_mut().zip(r).zip(&**k) {
                *rk = r * k;
            }
            let bonus = dot(isa, read, r_k);
            for ((y, v), g) in y.iter_mut().zip(&**v).zip(g) {
                *y = isa.mul_add(bonus, *v, *y) * g;
            }
            std::mem::swap(&mut inputs, &mut after);
        }
    }

    /// Asks for what a later token has at `start`, and for the `row` that it gives: unless by head, tokens lie too far apart for the
    /// machine to see what comes next.
    #[inline(always)]
    fn ask_for<I: Isa>(&self, pass: &Pass<'_, I>, start: usize, row: usize) {
        let Buffers { r, k, d, a, v_first, v, nu, g, y, .. } = &pass.buffers;
        let inputs = [r, k, d, a, v_first, v, nu, g].map(|buffer| (buffer, start));
        for (buffer, start) in inputs.into_iter().chain([(y, row)]) {
            for line in 0..self.channels.len().div_ceil(LANES) {
                pass.isa.prefetch(buffer.address(start + line * LANES).cast());
            }
        }
    }

    /// The recurrent memory's inputs of one token: `of` are the head's places in the projections.
    #[inline(always)]
    fn prepare<I: Isa>(&self, pass: &Pass<'_, I>, of: Range<usize>, out: &mut Prepared<'_>) {
        let Prepared { w, k, v, kk, b } = out;
        let (isa, weights) = (pass.isa, self.weights);
        let buffers = pass.buffers;
        // SAFETY: only this task touches this head's channels in this phase, and it writes none of these meanwhile.
        let inputs = [buffers.k, buffers.d, buffers.a, buffers.v_first, buffers.v, buffers.nu]
            .map(|buffer| unsafe { buffer.view(of.clone()) });
        let [key, d, a, v_first, value, nu] = inputs;
        let own = self.channels.clone();
        let (w0, a0) = (&weights.decay.bias[own.clone()], &weights.rate.bias[own.clone()]);
        let (k_k, k_a) = (&weights.k_k[own.clone()], &weights.k_a[own.clone()]);
        for ((w, d), w0) in w.iter_mut().zip(d).zip(w0) {
            *w = exp(isa, -DECAY_SCALE * sigmoid(isa, d + w0));
        }
        for ((rate, a), a0) in b.iter_mut().zip(a).zip(a0) {
            *rate = sigmoid(isa, a + a0); // times the removal key below
        }
        // The removal key uses the key before the rate changes it.
        for ((kk, key), k_k) in kk.iter_mut().zip(key).zip(k_k) {
            *kk = key * k_k;
        }
        for (((k, key), rate), k_a) in k.iter_mut().zip(key).zip(&**b).zip(k_a) {
            *k = key * (1.0 + (rate - 1.0) * k_a);
        }
        l2_normalize(isa, kk);
        let range = pass.config.recipe.rate_range;
        for (b, kk) in b.iter_mut().zip(&**kk) {
            *b *= kk * range;
        }
        v.copy_from_slice(v_first);
        if let Some(net) = &weights.value_residual {
            let v0 = &net.bias[own];
            for (((v, value), nu), v0) in v.iter_mut().zip(value).zip(nu).zip(v0) {
                *v = value + (*v - value) * sigmoid(isa, nu + v0);
            }
        }
    }
}
