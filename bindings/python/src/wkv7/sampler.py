"""Sampling: logits to a token, on its own."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ._arrays import Floats, as_floats, made
from ._native import Turns, check, failure, ffi, lib

if TYPE_CHECKING:
    from .model import Model
    from .tokenizer import Tokenizer

__all__ = ["Sampler"]


class Sampler:
    """Chooses tokens; remembers those that it accepted, for the penalties. For one thread at a time.

    Options that are not given are those of `model`, or of the official pipeline without one.

    :param temperature: above 1 flattens the distribution, below 1 sharpens it; it acts after all cuts. 0 is greedy: the
        most likely token, the lowest id among equals.
    :param top_p: keeps the most likely tokens that together reach this probability; 1 cuts nothing.
    :param min_p: drops tokens less likely than this part of the most likely one; 0 cuts nothing.
    :param typical_p: locally typical sampling; 1 cuts nothing.
    :param top_k: keeps this many most likely tokens; 0 cuts nothing.
    :param presence: taken from the logit of every token generated before.
    :param frequency: taken from a token's logit as often as it was generated before.
    :param penalty_decay: what a past occurrence is worth after each further token.
    :param seed: makes a run repeatable; a new one each time where it is None.
    :param banned: tokens never sampled.
    :param bias: what is added to the logits of single tokens; minus infinity bans one.

    >>> Sampler.greedy().sample([0.0, 3.0, 1.0])
    1
    """

    __slots__ = ("_p", "_token", "_turns")

    def __init__(
        self,
        model: Model | None = None,
        *,
        temperature: float | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        typical_p: float | None = None,
        top_k: int | None = None,
        presence: float | None = None,
        frequency: float | None = None,
        penalty_decay: float | None = None,
        seed: int | None = None,
        banned: Iterable[int] = (),
        bias: Mapping[int, float] | None = None,
    ) -> None:
        options = ffi.new("wkv7_sampler_options *")
        pointer = ffi.NULL if model is None else model._p
        check(lib.wkv7_sampler_options_init(options, ffi.sizeof("wkv7_sampler_options"), pointer))
        given = {
            "temperature": temperature,
            "top_p": top_p,
            "min_p": min_p,
            "typical_p": typical_p,
            "top_k": top_k,
            "presence": presence,
            "frequency": frequency,
            "penalty_decay": penalty_decay,
        }
        for name, value in given.items():
            if value is not None:
                setattr(options, name, value)
        if seed is not None:
            options.seeded, options.seed = 1, seed
        banned_tokens = ffi.from_buffer("uint32_t[]", array("I", banned))
        if len(banned_tokens):
            options.banned, options.banned_count = banned_tokens, len(banned_tokens)
        biases = ffi.new("wkv7_bias[]", list((bias or {}).items()))
        if len(biases):
            options.bias, options.bias_count = biases, len(biases)
        out = ffi.new("wkv7_sampler **")
        check(lib.wkv7_sampler_new(options, out))
        self._p = ffi.gc(out[0], lib.wkv7_sampler_free)
        self._token = ffi.new("uint32_t *")
        self._turns = Turns("sampler")

    @classmethod
    def greedy(cls) -> Sampler:
        """Always the most likely token, the lowest id among equals."""
        return cls(temperature=0, presence=0, frequency=0)

    def sample(self, logits: Any) -> int:
        """Chooses a token; it counts for the penalties once it is accepted.

        :param logits: float32 of any shape, one for each token: a numpy array, a memoryview, numbers, or a session, for
            those after its last token.
        """
        with self._turns.mine():
            of_session = getattr(logits, "_sample", None)
            if of_session is not None:
                status = of_session(self._p, self._token)
            else:
                status = lib.wkv7_sampler_sample(self._p, *as_floats(logits), self._token)
            if status:
                raise failure(status)
            return int(self._token[0])

    def accept(self, token: int, tokenizer: Tokenizer | None = None) -> None:
        """Counts a token for the penalties. With a tokenizer, digits and the like are free of the frequency penalty, as
        in the official pipeline."""
        check(lib.wkv7_sampler_accept(self._p, token, ffi.NULL if tokenizer is None else tokenizer._p))

    def probabilities(self, logits: Any) -> Floats:
        """The probabilities that :meth:`sample` would draw from: float32, as many as there are logits."""
        given, count = as_floats(logits)
        return made((count,), lambda to: check(lib.wkv7_sampler_probabilities(self._p, given, count, to)))

    def reset(self) -> None:
        """Forgets what was accepted and starts the seed's sequence anew."""
        check(lib.wkv7_sampler_reset(self._p))

    @property
    def seed(self) -> int:
        """The seed in use: give it to another sampler to repeat the run."""
        out = ffi.new("uint64_t *")
        check(lib.wkv7_sampler_seed(self._p, out))
        return int(out[0])
