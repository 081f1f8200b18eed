"""Sessions: one sequence of tokens each."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from . import _waiting
from ._arrays import Exports, Floats, Tokens, as_tokens, made
from ._native import Turns, check, failure, ffi, interruptible, lib, sized
from .generation import Generation, Piece
from .state import State

if TYPE_CHECKING:
    from .model import Model
    from .sampler import Sampler

__all__ = ["Session", "Stats", "Top"]

T = TypeVar("T")

# What a token costs is a matter of these, which are looked up once.
_feed, _logits, _sample = lib.wkv7_session_feed, lib.wkv7_session_logits, lib.wkv7_sampler_sample


class Top(NamedTuple):
    """One of the largest logits."""

    token: int
    """The token."""
    logit: float
    """Its logit."""
    log_probability: float
    """Natural logarithm of its probability among all tokens."""


class Stats(NamedTuple):
    """What a session's calls took."""

    last_tokens: int
    """Tokens that the last call fed, or its generation made."""
    last_seconds: float
    """Seconds that it took."""
    fed_tokens: int
    """Tokens that all calls fed."""
    fed_seconds: float
    """Seconds that they took."""
    generated_tokens: int
    """Tokens that all generations made."""
    generated_seconds: float
    """Seconds that they took."""


class Session:
    """One sequence and all that it remembers; :meth:`wkv7.Model.session` makes it, at the model's initial state.

    For one thread at a time, except :meth:`cancel` and :meth:`clear_cancel`; whoever comes second gets
    :class:`wkv7.Busy`. Every call that computes lets other threads run. Ctrl-C stops a feed between two forwards and a
    generation before its next token; the session holds what it was fed, and goes on from there.

    It keeps its model. :meth:`close`, or leaving its ``with`` block, gives its slot back at once.
    """

    __slots__ = ("__weakref__", "_exports", "_model", "_one", "_p", "_pointer", "_count", "_turns", "_most")

    def __init__(self, model: Model) -> None:
        out = ffi.new("wkv7_session **")
        check(lib.wkv7_session_new(model._p, out))
        self._adopt(out[0], model)

    def _adopt(self, pointer: Any, model: Model) -> None:
        self._p = ffi.gc(pointer, lib.wkv7_session_free)
        self._model = model
        self._most = model.info.max_tokens
        self._exports = Exports()
        self._turns = Turns("session")
        # Places that calls share, so that a token costs no allocation; whoever has the turn has them.
        self._one = ffi.new("uint32_t[1]")
        self._pointer, self._count = ffi.new("float **"), ffi.new("size_t *")

    def __repr__(self) -> str:
        return f"<wkv7.Session after {self.tokens_seen} tokens>" if self._p else "<wkv7.Session, closed>"

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the session and its slot, once no array of its logits and no call in another thread is left."""
        self._p = ffi.NULL

    @property
    def model(self) -> Model:
        """The model."""
        return self._model

    # Feeding

    def feed(self, tokens: Tokens) -> None:
        """Feeds tokens, or one; the logits after the last are then there to be read.

        :raises wkv7.TokenError: one is outside the vocabulary; nothing is fed then.
        :raises wkv7.Cancelled: between two forwards; :attr:`tokens_seen` tells how far it came.
        :raises BufferError: an array of :attr:`logits` is alive.
        """
        if type(tokens) is int:
            with self._turns.mine():
                if self._exports.count:
                    self._changing()
                self._one[0] = tokens
                status = _feed(self._p, self._one, 1)
                if status:
                    raise failure(status)
            return
        given, count = as_tokens(tokens)
        self._advance(count, lambda pointer: _feed(pointer, given, count))

    def feed_text(self, text: str) -> int:
        """Feeds a text; returns the number of its tokens.

        :raises: as :meth:`feed`, and :class:`wkv7.TokenizerError` where the model has no vocabulary.
        """
        data = text.encode()
        count = ffi.new("size_t *")
        # A token has a byte at least, so this is never too few.
        self._advance(len(data), lambda pointer: lib.wkv7_session_feed_text(pointer, data, len(data), count))
        return int(count[0])

    def feed_all(self, tokens: Tokens) -> Floats:
        """Feeds tokens; returns the logits after each of them: float32 [tokens, vocab].

        :raises: as :meth:`feed`.
        """
        given, count = as_tokens(tokens)
        shape = (count, self._model.info.vocab)
        room = ffi.new("size_t *", shape[0] * shape[1])
        return made(
            shape,
            lambda to: self._advance(count, lambda pointer: lib.wkv7_session_feed_all(pointer, given, count, to, room)),
        )

    def feed_top(self, tokens: Tokens, count: int = 10) -> list[Top]:
        """Feeds tokens; returns the largest logits after the last as :meth:`top` does, without fetching all of them
        from a device. The session has no logits afterwards: to generate from it, use :meth:`feed`.

        :raises: as :meth:`feed`.
        """
        given, length = as_tokens(tokens)
        tops, room = ffi.new("wkv7_top[]", max(count, 1)), ffi.new("size_t *", count)
        self._advance(length, lambda pointer: lib.wkv7_session_feed_top(pointer, given, length, tops, room))
        return _tops(tops, room[0])

    def embed(self, tokens: Tokens) -> Floats:
        """Feeds tokens; returns the hidden state after the last, which stands for all that was fed: the output of the
        last norm, float32 [channels], empty without tokens. The session has no logits afterwards.

        :raises: as :meth:`feed`.
        """
        given, count = as_tokens(tokens)
        channels = self._model.info.channels if count else 0
        room = ffi.new("size_t *", channels)
        return made(
            (channels,),
            lambda to: self._advance(count, lambda pointer: lib.wkv7_session_embed(pointer, given, count, to, room)),
        )

    def _advance(self, tokens: int, call: Callable[[Any], int]) -> None:
        """Runs a call that feeds up to `tokens` tokens, in a thread of its own if it may take several forwards."""
        with self._turns.mine():
            self._changing()
            pointer = self._p
            if tokens <= self._most:
                check(call(pointer))
            else:
                interruptible(lambda: check(call(pointer)), self.cancel, self.clear_cancel)

    def _changing(self) -> None:
        """Refuses to change logits that somebody is looking at: the library may put the next ones elsewhere."""
        if self._exports.count:
            gc.collect()  # some may only wait for it
        if self._exports.count:
            raise BufferError(
                f"{self._exports.count} arrays of this session's logits are alive: drop or copy them before it goes on"
            )

    # Reading

    @property
    def logits(self) -> Floats:
        """The logits after the last token: float32 [vocab], read-only, not a copy.

        While the array is alive the session cannot go on (:class:`BufferError`); ``session.logits.copy()`` is free of
        that. :meth:`wkv7.Sampler.sample` takes the session itself.

        :raises wkv7.NothingFed: there are none.
        """
        with self._turns.mine():
            owner = self._p
            check(_logits(owner, self._pointer, self._count))
            return self._exports.view(self._pointer[0], (self._count[0],), owner)

    def _sample(self, sampler: Any, token: Any) -> int:
        """Samples from the logits where they lie; returns a status."""
        with self._turns.mine():
            status: int = _logits(self._p, self._pointer, self._count)
            if not status:
                status = _sample(sampler, self._pointer[0], self._count[0], token)
            return status

    def top(self, count: int = 10) -> list[Top]:
        """The `count` largest logits after the last token, by falling logit, equal ones by rising token; all where the
        vocabulary has fewer."""
        tops, room = ffi.new("wkv7_top[]", max(count, 1)), ffi.new("size_t *", count)
        check(lib.wkv7_session_top(self._p, tops, room))
        return _tops(tops, room[0])

    @property
    def has_logits(self) -> bool:
        """Whether there are logits after the last token."""
        with self._turns.mine():
            status = _logits(self._p, self._pointer, self._count)
        if status and status != lib.WKV7_ERR_NOTHING_FED:
            raise failure(status)
        return not status

    @property
    def tokens_seen(self) -> int:
        """Tokens fed since the sequence began."""
        out = ffi.new("uint64_t *")
        check(lib.wkv7_session_tokens_seen(self._p, out))
        return int(out[0])

    @property
    def stats(self) -> Stats:
        """What the session's calls took."""
        known = sized("wkv7_stats")
        check(lib.wkv7_session_stats(self._p, known))
        return Stats(*(getattr(known, name) for name in Stats._fields))

    # Generating

    def generate(
        self,
        sampler: Sampler | None = None,
        *,
        max_tokens: int = 256,
        stop: str | Iterable[str] = (),
        stop_tokens: Iterable[int] = (),
    ) -> Generation:
        """Generates from here: an iterator of pieces.

        :param sampler: how tokens are chosen; the model's defaults, with a new seed, where it is None.
        :param max_tokens: tokens to generate at most.
        :param stop: texts at which to stop; none of their text is emitted.
        :param stop_tokens: tokens at which to stop, besides the end of text, which always stops.
        :raises wkv7.NothingFed: at the first piece, where there are no logits to begin with.
        :raises BufferError: an array of :attr:`logits` is alive.
        """
        with self._turns.mine():
            self._changing()
            return Generation(self._p, sampler, max_tokens, stop, stop_tokens)

    # Cancelling

    def cancel(self) -> None:
        """Asks the session to stop, from any thread: feeding stops between two forwards, generating before its next
        token, with :class:`wkv7.Cancelled`. It holds for later calls as well, until :meth:`clear_cancel`, so that it
        does not matter which of two threads comes first."""
        check(lib.wkv7_session_cancel(self._p))

    def clear_cancel(self) -> None:
        """Lets a cancelled session work again; what it was fed, it holds."""
        check(lib.wkv7_session_clear_cancel(self._p))

    # State

    def state(self) -> State:
        """All that the session remembers, as a value."""
        out = ffi.new("wkv7_state **")
        check(lib.wkv7_session_state(self._p, out))
        return State._adopt(out[0], self._model)

    def set_state(self, state: State) -> None:
        """Continues from a state.

        :raises wkv7.WrongModel: it is of another model; the session is as before then.
        :raises BufferError: an array of :attr:`logits` is alive.
        """
        self._change(lambda pointer: lib.wkv7_session_set_state(pointer, state._p))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a state file."""
        self.state().save(path)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Continues from a state file.

        :raises wkv7.WrongModel: it is of another model; the session is as before then.
        """
        self.set_state(State.load(self._model, path))

    def reset(self) -> None:
        """Goes back to where new sessions of the model start."""
        self._change(lib.wkv7_session_reset)

    def fork(self) -> Session:
        """A second session that continues from here on its own.

        :raises wkv7.NoSlot: all slots of the model are in use.
        """
        out = ffi.new("wkv7_session **")
        check(lib.wkv7_session_fork(self._p, out))
        return Session._from(out[0], self._model)

    def to(self, model: Model) -> Session:
        """A session of `model` that continues from here on another backend or device with the same weights."""
        out = ffi.new("wkv7_session **")
        check(lib.wkv7_session_to(self._p, model._p, out))
        return Session._from(out[0], model)

    @classmethod
    def _from(cls, pointer: Any, model: Model) -> Session:
        made = cls.__new__(cls)
        made._adopt(pointer, model)
        return made

    def _change(self, call: Callable[[Any], int]) -> None:
        with self._turns.mine():
            self._changing()
            check(call(self._p))

    # asyncio

    async def feed_async(self, tokens: Tokens) -> None:
        """As :meth:`feed`, while the event loop goes on. Cancelling the task stops it between two forwards."""
        await _waiting.in_thread(lambda: self.feed(tokens), self.cancel, self.clear_cancel)

    async def feed_text_async(self, text: str) -> int:
        """As :meth:`feed_text`, while the event loop goes on. Cancelling the task stops it between two forwards."""
        return await _waiting.in_thread(lambda: self.feed_text(text), self.cancel, self.clear_cancel)

    async def generate_async(
        self,
        sampler: Sampler | None = None,
        *,
        max_tokens: int = 256,
        stop: str | Iterable[str] = (),
        stop_tokens: Iterable[int] = (),
    ) -> AsyncGenerator[Piece, None]:
        """As :meth:`generate`, while the event loop goes on: ``async for piece in session.generate_async(): ...``.

        Cancelling the task ends the generation after the token that is being made.
        """
        generation = self.generate(sampler, max_tokens=max_tokens, stop=stop, stop_tokens=stop_tokens)
        try:
            while (piece := await _waiting.in_thread(lambda: next(generation, None))) is not None:
                yield piece
        finally:
            await asyncio.to_thread(generation.close)


def _tops(tops: Any, count: int) -> list[Top]:
    return [Top(tops[i].token, tops[i].logit, tops[i].log_probability) for i in range(count)]
