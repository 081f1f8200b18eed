//! Activations of one forward: made once per model, grown to the largest pass seen.

use wkv7_core::{Config, Ranks};

use crate::activations::{Activations, Forms, SharedActivations, stride};
use crate::aligned::Aligned;
use crate::arch::{Isa, LANES};
use crate::team::Shared;
use crate::weights::Loaded;

/// What the members of the team fill together.
///
/// The [`Buffers`] lie one after the other in one piece, for the sake of large pages: in most of them, the next token's numbers are
/// a small page or more away.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    numbers: Aligned,
    sizes: Sizes,
    vectors: Vectors,
}

/// Numbers of the [`Buffers`].
#[derive(Debug, Default, Clone, Copy)]
struct Sizes {
    block: usize, // [tokens, channels]
    hidden: usize,
    inner: [usize; 4],
}

/// [`Scratch`] at work. Every buffer is `[tokens, channels]` unless it says otherwise, with tokens [`stride`] apart but in `inner`;
/// those that only heads read may go by head
/// ([`Pass::by_head`](crate::pass::Pass::by_head)).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffers<'a> {
    pub(crate) x: Shared<'a>, // the residual
    pub(crate) h: Shared<'a>, // normalised input of a block
    pub(crate) r: Shared<'a>,
    pub(crate) k: Shared<'a>,
    pub(crate) v: Shared<'a>,
    pub(crate) v_first: Shared<'a>,
    pub(crate) d: Shared<'a>, // decay before its bias and its bounds
    pub(crate) a: Shared<'a>, // rate before its bias and the sigmoid
    pub(crate) g: Shared<'a>,
    pub(crate) nu: Shared<'a>,     // value residual before its bias and the sigmoid
    pub(crate) y: Shared<'a>,      // the heads' results
    pub(crate) hidden: Shared<'a>, // [tokens, ffn]
    pub(crate) inner: [Shared<'a>; 4], // [tokens, rank], one after the other, between the two matrices of each low-rank net
    pub(crate) vectors: SharedVectors<'a>,
}

/// Buffers of `[tokens, channels]`.
const BLOCKS: usize = 11;

/// Room for a buffer of so many numbers: a multiple of what a set of the first-level cache spans, and an odd number of cache lines
/// more. A token's numbers of all buffers would else lie in the same few sets.
fn room(numbers: usize) -> usize {
    numbers.next_multiple_of(64 * LANES) + 5 * LANES
}

/// Vectors on their way into products.
#[derive(Debug, Default)]
pub(crate) struct Vectors {
    mixed: [Activations; 6], // after the token shift, for r w k v a g; the channel mix uses the third
    inner: [Activations; 4],
    read: Activations,   // what the heads gave
    hidden: Activations, // [tokens, ffn]
    wanted: Activations, // [wanted tokens, channels]: into the head
}

/// [`Vectors`] at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedVectors<'a> {
    pub(crate) mixed: [SharedActivations<'a>; 6],
    pub(crate) inner: [SharedActivations<'a>; 4],
    pub(crate) read: SharedActivations<'a>,
    pub(crate) hidden: SharedActivations<'a>,
    pub(crate) wanted: SharedActivations<'a>,
}

/// Makes `buffer` at least `len` long; what it holds stays.
pub(crate) fn grow<T: Clone>(buffer: &mut Vec<T>, len: usize, filler: T) {
    if buffer.len() < len {
        buffer.resize(len, filler);
    }
}

/// Decay, rate, gate, value residual: the order of everything that is four.
pub(crate) fn ranks(ranks: &Ranks) -> [usize; 4] {
    [ranks.decay, ranks.rate, ranks.gate, ranks.value]
}

/// The forms in which the matrices of all layers take their vectors.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AllForms {
    mixed: [Forms; 6],
    inner: [Forms; 4],
    read: Forms,
    hidden: Forms,
    wanted: Forms,
}

impl AllForms {
    pub(crate) fn of<I: Isa>(weights: &Loaded) -> Self {
        let mut forms = Self { wanted: weights.head.kind.forms::<I>(), ..Self::default() };
        for layer in &weights.layers {
            let (time_mix, channel_mix) = (&layer.time_mix, &layer.channel_mix);
            let [r, w, k, v, a, g] = &mut forms.mixed;
            let nets = [
                (Some(&time_mix.decay), &mut *w),
                (Some(&time_mix.rate), &mut *a),
                (Some(&time_mix.gate), &mut *g),
                (time_mix.value_residual.as_ref(), &mut *v),
            ];
            for ((net, mixed), inner) in nets.into_iter().zip(&mut forms.inner) {
                if let Some(net) = net {
                    *mixed = mixed.or(net.first.kind.forms::<I>());
                    *inner = inner.or(net.second.kind.forms::<I>());
                }
            }
            *r = r.or(time_mix.receptance.kind.forms::<I>());
            *k = k.or(time_mix.key.kind.forms::<I>()).or(channel_mix.key.kind.forms::<I>());
            *v = v.or(time_mix.value.kind.forms::<I>());
            forms.read = forms.read.or(time_mix.output.kind.forms::<I>());
            forms.hidden = forms.hidden.or(channel_mix.value.kind.forms::<I>());
        }
        forms
    }

    /// [`Forms::group`] of so many tokens, told of the same threads as [`Vectors::resize`].
    pub(crate) fn group(&self, tokens: usize, threads: usize) -> Option<usize> {
        let Self { mixed, inner, read, hidden, wanted: _ } = self; // the last are put apart
        let all = mixed.iter().chain(inner).chain([read, hidden]);
        all.copied().reduce(Forms::or).unwrap_or_default().group(tokens, threads)
    }
}

impl Vectors {
    /// Makes room for `tokens`, `wanted` of which go into the head, which so many threads will put.
    pub(crate) fn resize(
        &mut self,
        config: &Config,
        forms: &AllForms,
        tokens: usize,
        wanted: usize,
        threads: usize,
    ) {
        for (mixed, forms) in self.mixed.iter_mut().zip(forms.mixed) {
            mixed.resize(config.channels, tokens, forms, threads);
        }
        for (at, (inner, forms)) in self.inner.iter_mut().zip(forms.inner).enumerate() {
            inner.resize(largest_rank(config, at), tokens, forms, threads);
        }
        self.read.resize(config.channels, tokens, forms.read, threads);
        self.hidden.resize(config.ffn, tokens, forms.hidden, threads);
        self.wanted.resize(config.channels, wanted, forms.wanted, threads);
    }

    pub(crate) fn share(&mut self) -> SharedVectors<'_> {
        SharedVectors {
            mixed: self.mixed.each_mut().map(Activations::share),
            inner: self.inner.each_mut().map(Activations::share),
            read: self.read.share(),
            hidden: self.hidden.share(),
            wanted: self.wanted.share(),
        }
    }
}

fn largest_rank(config: &Config, at: usize) -> usize {
    config.ranks.iter().map(|of_layer| ranks(of_layer)[at]).max().unwrap_or(0)
}

impl Scratch {
    /// Memory of one token of a pass, roughly.
    pub(crate) fn token_bytes(config: &Config) -> usize {
        let numbers = 19 * config.channels + 2 * config.ffn;
        numbers * size_of::<f32>()
    }

    /// Gives every buffer the size for `tokens`, `wanted` of which go into the head, and for so many threads. Memory once taken is
    /// kept.
    pub(crate) fn resize(
        &mut self,
        config: &Config,
        forms: &AllForms,
        tokens: usize,
        wanted: usize,
        threads: usize,
    ) {
        let Self { numbers, sizes, vectors } = self;
        *sizes = Sizes {
            block: tokens * stride(config.channels),
            hidden: tokens * stride(config.ffn),
            inner: std::array::from_fn(|at| tokens * largest_rank(config, at)),
        };
        let inner = sizes.inner.into_iter().map(room).sum::<usize>();
        numbers.grow(BLOCKS * room(sizes.block) + room(sizes.hidden) + inner);
        // A single token's vectors are made by every member for itself.
        if tokens > 1 {
            vectors.resize(config, forms, tokens, wanted, threads);
        }
    }

    pub(crate) fn share(&mut self) -> Buffers<'_> {
        let Sizes { block, hidden, inner } = self.sizes;
        let mut rest = &mut *self.numbers;
        let mut take = |numbers| {
            let (own, after) = std::mem::take(&mut rest).split_at_mut(room(numbers));
            rest = after;
            Shared::new(&mut own[..numbers])
        };
        let [x, h, r, k, v, v_first, d, a, g, nu, y] = std::array::from_fn::<_, BLOCKS, _>(|_| take(block));
        let (hidden, inner) = (take(hidden), inner.map(take));
        let vectors = self.vectors.share();
        Buffers { x, h, r, k, v, v_first, d, a, g, nu, y, hidden, inner, vectors }
    }
}
