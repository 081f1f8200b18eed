//! What every block needs to know of the pass it is part of.

use std::ops::Range;

use wkv7_core::Config;

use crate::activations::stride;
use crate::aligned::Aligned;
use crate::arch::{Isa, TILE_TOKENS};
use crate::matmul::{Active, Desk, HeadSize, Next};
use crate::memory::Memory;
use crate::norm::norm;
use crate::scratch::{Buffers, Vectors};
use crate::team::{Member, Shared};
use crate::weights::{Matrix, Norm};

/// Tokens of one task in the phases over single numbers, where vectors do not ask for other groups.
pub(crate) const TOKENS: usize = 4;

/// Tokens of a piece, in the middle, from which on pieces are long: more than any kernel takes in rows.
const LONG: usize = 2 * TILE_TOKENS;

/// Bytes of a layer's states from which on a member asks for no more: its part of a cache that cores share.
const MOST: usize = 4 << 20;

/// What it asks for beside a task, as a multiple of its share: parts end where sequences end, often short of it.
const MORE: f64 = 1.25;

/// Some tokens of one step that a pass takes.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// The step's number in the batch.
    pub(crate) step: usize,
    /// The memory's number among those of the batch.
    pub(crate) memory: usize,
    /// Which of the step's tokens.
    pub(crate) tokens: Range<usize>,
    /// Where they lie among the tokens of the pass.
    pub(crate) places: Range<usize>,
    /// The last of them, this many, go into the head.
    pub(crate) wanted: usize,
    /// The last of them, this many, are returned as hidden states.
    pub(crate) hidden: usize,
}

/// One walk through the layers: the tokens of all pieces, laid one after the other.
pub(crate) struct Pass<'a, I> {
    pub(crate) isa: I,
    pub(crate) config: &'a Config,
    /// None empty.
    pub(crate) pieces: &'a [Piece],
    /// The piece of each token: `[tokens]`.
    pub(crate) piece_of: &'a [usize],
    /// `[memories]`.
    pub(crate) memories: &'a [SharedMemory<'a>],
    pub(crate) buffers: Buffers<'a>,
    /// Tokens of one task in the phases over single numbers.
    pub(crate) group: usize,
}

/// What one member keeps to itself.
#[derive(Default)]
pub(crate) struct Own {
    pub(crate) desk: Desk,
    /// Of a single token.
    pub(crate) vectors: Vectors,
    /// Of a single token: the normalised input of a block, `[channels]`.
    pub(crate) h: Aligned,
    /// `[2 * channels]`, or twelve times a head.
    pub(crate) room: Aligned,
    /// The hidden units of few tokens that are not zero.
    pub(crate) active: Active,
    /// Bytes of the states of the layer to come that have been asked for.
    pub(crate) asked: usize,
    /// Of single tokens: hidden units so far, and those that were zero.
    pub(crate) units_seen: (u64, u64),
}

/// A sequence's memory while many threads advance it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedMemory<'a> {
    pub(crate) att_shift: Shared<'a>, // [layers, channels]
    pub(crate) wkv: Shared<'a>,       // [layers, heads, head_size (key), head_size (value)]
    pub(crate) ffn_shift: Shared<'a>, // [layers, channels]
}

impl<'a> SharedMemory<'a> {
    pub(crate) fn of(memory: &'a mut Memory) -> Self {
        let Memory { att_shift, wkv, ffn_shift } = memory;
        Self { att_shift: Shared::new(att_shift), wkv: Shared::new(wkv), ffn_shift: Shared::new(ffn_shift) }
    }
}

impl<'a, I: Isa> Pass<'a, I> {
    pub(crate) fn tokens(&self) -> usize {
        self.piece_of.len()
    }

    /// A single token: whatever is made of it by itself, each member makes for itself, which costs less than meeting.
    pub(crate) fn is_single(&self) -> bool {
        self.tokens() == 1
    }

    /// What a member will read first of `matrix`.
    pub(crate) fn next<'m>(&self, matrix: &'m Matrix, member: &Member<'_>) -> Next<'m> {
        self.next_of(matrix, member, self.tokens())
    }

    /// The same where so many tokens will meet it.
    pub(crate) fn next_of<'m>(&self, matrix: &'m Matrix, member: &Member<'_>, tokens: usize) -> Next<'m> {
        match tokens {
            0 => Next::default(),
            1 => Next::of(self.isa, matrix, member),
            few if few < matrix.kind.many::<I>() => Next::default(),
            _ => Next::task::<I>(matrix, member),
        }
    }

    /// What a member asks for of the states of layer number `at`, if there is one, from the channel mix before it on: for a task
    /// with so many weights, as much as lets all of it be there when the heads begin. `asked` are the bytes so far. Begun
    /// earlier, much of it is gone again by then.
    pub(crate) fn coming<'m>(
        &self,
        member: &Member<'_>,
        asked: &'m mut usize,
        at: usize,
    ) -> impl FnMut(usize) -> &'a [u8] + use<'m, 'a, I> {
        let (pieces, memories) = (self.pieces, self.memories);
        let Config { channels, head_size, ffn, layers, .. } = *self.config;
        let (numbers, all_weights) = (channels * head_size, channels * (3 * channels + ffn));
        let (number, members) = (member.number(), member.members());
        move |weights| {
            let bytes = numbers * size_of::<f32>();
            let share = weights as f64 / all_weights as f64 * MORE;
            let wanted = (share * (pieces.len() * bytes) as f64) as usize;
            let (own, part) = to_ask(*asked, wanted, bytes);
            let piece = pieces.get(own * members + number);
            let Some(piece) = piece.filter(|_| at < layers && *asked < MOST) else { return &[] };
            *asked += part.len();
            let place = |byte| at * numbers + byte / size_of::<f32>();
            // SAFETY: states are written only in the phases of heads, and this is used up in a phase of products.
            let states = unsafe { memories[piece.memory].wkv.view(place(part.start)..place(part.end)) };
            // SAFETY: any number is four bytes.
            unsafe { states.align_to().1 }
        }
    }

    /// How what the heads read is laid out, where that is by head: for long pieces, whose next token is then the next line, and not
    /// a page further on.
    pub(crate) fn by_head(&self) -> Option<HeadSize> {
        let long = self.tokens() >= LONG * self.pieces.len();
        HeadSize::new(self.config.head_size).filter(|_| long)
    }

    /// The places of a token's channels in a buffer.
    pub(crate) fn row(&self, token: usize) -> Range<usize> {
        let start = token * stride(self.config.channels);
        start..start + self.config.channels
    }

    /// The places of a token's hidden units.
    pub(crate) fn hidden_row(&self, token: usize) -> Range<usize> {
        let start = token * stride(self.config.ffn);
        start..start + self.config.ffn
    }

    /// The places of layer number `at` in a shift.
    pub(crate) fn of_layer(&self, at: usize) -> Range<usize> {
        at * self.config.channels..(at + 1) * self.config.channels
    }

    /// Does `task` for every token: shared out among the members, who then meet; or, for a single token, by each.
    #[inline(always)]
    pub(crate) fn each_token(&self, member: &Member<'_>, mut task: impl FnMut(usize)) {
        if self.is_single() {
            return task(0);
        }
        member.each_group(self.tokens(), self.group, task);
    }

    /// Every token's normalised input, and the vectors that the token shift makes of it: `put(token, n, x)` gets the
    /// `n`th vector, `h + (previous - h) * mix`; a mix of 1 looks only at the previous token.
    ///
    /// `before(memory)` is the shift that a sequence remembers, `[layers, channels]`.
    pub(crate) fn shift<const N: usize>(
        &self,
        member: &Member<'_>,
        own: &mut Own,
        ln: &Norm,
        (at, before): (usize, impl Fn(&SharedMemory<'a>) -> Shared<'a>),
        mixes: [&[f32]; N],
        put: impl Fn(usize, usize, &[f32]),
    ) {
        let channels = self.config.channels;
        let mut room = std::mem::take(&mut own.room);
        room.grow(2 * channels);
        let (previous, mixed) = room[..2 * channels].split_at_mut(channels);
        let mut last = usize::MAX; // the token whose normalised input lies in `previous`
        self.each_token(member, |token| {
            let piece = &self.pieces[self.piece_of[token]];
            // SAFETY: nobody writes the residual in this phase.
            let x = |token| unsafe { self.buffers.x.view(self.row(token)) };
            let h = if self.is_single() {
                own.h.resize(channels);
                &mut *own.h
            } else {
                // SAFETY: each token's input is written by its own task.
                unsafe { self.buffers.h.part(self.row(token)) }
            };
            self.isa.run(
                #[inline(always)]
                || {
                    if token == piece.places.start {
                        // SAFETY: shifts are written only after the members have met.
                        previous.copy_from_slice(unsafe {
                            before(&self.memories[piece.memory]).view(self.of_layer(at))
                        });
                    } else if last != token - 1 {
                        norm(self.isa, x(token - 1), &ln.weight, &ln.bias, ln.eps, previous);
                    }
                    norm(self.isa, x(token), &ln.weight, &ln.bias, ln.eps, h);
                },
            );
            for (n, mix) in mixes.iter().enumerate() {
                self.isa.run(
                    #[inline(always)]
                    || {
                        for (((out, h), previous), mix) in mixed.iter_mut().zip(&*h).zip(&*previous).zip(*mix)
                        {
                            *out = self.isa.mul_add(previous - h, *mix, *h);
                        }
                    },
                );
                put(token, n, mixed);
            }
            let h = if self.is_single() {
                &*own.h
            } else {
                // SAFETY: this task has written it.
                unsafe { self.buffers.h.view(self.row(token)) }
            };
            previous.copy_from_slice(h);
            last = token;
        });
        own.room = room;
    }

    /// Lets the sequence of `piece` remember its last token's normalised input, which for a single token is `own`. To be called by
    /// one member, in a phase after [`Pass::shift`].
    pub(crate) fn remember(
        &self,
        own: &[f32],
        piece: &Piece,
        at: usize,
        shift: impl Fn(&SharedMemory<'a>) -> Shared<'a>,
    ) {
        // SAFETY: one member writes it, and nobody reads shifts in this phase.
        let out = unsafe { shift(&self.memories[piece.memory]).part(self.of_layer(at)) };
        out.copy_from_slice(if self.is_single() {
            own
        } else {
            // SAFETY: inputs were written before the members met.
            unsafe { self.buffers.h.view(self.row(piece.places.end - 1)) }
        });
    }
}

/// After so many bytes of the states of the sequences that are a member's to ask for, `bytes` each: which sequence is next, and
/// which part of it, in whole cache lines, `wanted` bytes or as many as are left.
fn to_ask(asked: usize, wanted: usize, bytes: usize) -> (usize, Range<usize>) {
    let (own, from) = (asked / bytes, asked % bytes);
    (own, from..(from + wanted.next_multiple_of(64)).min(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_every_sequence_is_asked_for_once() {
        for (wanted, bytes) in [(1, 256), (64, 256), (100, 1024), (1000, 1024), (5000, 1024)] {
            let (mut asked, mut parts) = (0, vec![Vec::new(); 3]);
            while asked < 3 * bytes {
                let (own, part) = to_ask(asked, wanted, bytes);
                asked += part.len();
                parts[own].extend(part);
            }
            assert!(parts.iter().all(|part| part.iter().copied().eq(0..bytes)), "{wanted} of {bytes}");
        }
    }
}
