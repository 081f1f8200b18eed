"""Generations: pieces of text as they are made."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ._native import Turns, check, failure, ffi, lib, sized
from .errors import Busy

if TYPE_CHECKING:
    from .sampler import Sampler

__all__ = ["Generation", "GenerationResult", "Piece", "StopReason"]

_next, _buffer = lib.wkv7_generation_next, ffi.buffer


class Piece(NamedTuple):
    """A generated token."""

    text: str
    """What became certain with it: whole characters only, so it may be empty, or begin with a character that an earlier
    token began."""
    token: int
    """The token."""
    log_probability: float
    """Natural logarithm of the probability that the model gave it, before any penalty or cut."""


class StopReason(IntEnum):
    """Why a generation ended."""

    NONE = 0
    """It goes on, was closed before its end, or ended with an error."""
    TOKEN = 1
    """The end of text or another stop token was sampled."""
    TEXT = 2
    """A stop text appeared."""
    MAX_TOKENS = 3
    """As many tokens as were asked for."""


class GenerationResult(NamedTuple):
    """How a generation ended, or how far it is."""

    reason: StopReason
    """Why it ended."""
    stop_token: int | None
    """The token at which it stopped, for :attr:`StopReason.TOKEN`."""
    stop_index: int | None
    """Which of the texts it stopped at, for :attr:`StopReason.TEXT`."""
    tokens: int
    """Tokens handed out."""
    seconds: float
    """Seconds that they took."""


class Generation(Iterator[Piece]):
    """An iterator of pieces; :meth:`wkv7.Session.generate` makes it. For one thread at a time.

    While it is open its session answers other calls with :class:`wkv7.Busy`. It closes itself at its end, after an
    error, with its ``with`` block, and when nothing refers to it any more; :meth:`close` does it at once. The session
    then holds exactly what was handed out.
    """

    __slots__ = ("_open", "_out", "_p", "_result", "_turns")

    def __init__(
        self,
        session: Any,
        sampler: Sampler | None,
        max_tokens: int,
        stop: str | Iterable[str],
        stop_tokens: Iterable[int],
    ) -> None:
        texts = [text.encode() for text in ((stop,) if isinstance(stop, str) else stop)]
        options = ffi.new("wkv7_generate_options *")
        check(lib.wkv7_generate_options_init(options, ffi.sizeof("wkv7_generate_options")))
        options.max_tokens = max_tokens
        buffers = [ffi.from_buffer("char[]", text) for text in texts]
        stops = ffi.new("wkv7_text[]", [(data, len(data)) for data in buffers])
        if texts:
            options.stop, options.stop_count = stops, len(texts)
        tokens = ffi.from_buffer("uint32_t[]", array("I", stop_tokens))
        if len(tokens):
            options.stop_tokens, options.stop_tokens_count = tokens, len(tokens)
        out = ffi.new("wkv7_generation **")
        chosen = ffi.NULL if sampler is None else sampler._p
        check(lib.wkv7_generation_start(session, chosen, options, out))
        self._p = ffi.gc(out[0], lib.wkv7_generation_free)
        self._out = ffi.new("wkv7_piece **")
        self._open = True
        self._result: GenerationResult | None = None
        self._turns = Turns("generation")

    def __iter__(self) -> Generation:
        return self

    def __next__(self) -> Piece:
        """The next piece."""
        with self._turns.mine():
            if not self._open:
                raise StopIteration
            try:
                status = _next(self._p, self._out)
                if status:
                    raise failure(status)
                piece = self._out[0]
                if piece:
                    text = _buffer(piece.text, piece.text_len)[:].decode()
                    return Piece(text, piece.token, piece.log_probability)
            except Busy:
                raise  # the sampler is in use elsewhere: the generation may go on afterwards
            except BaseException:
                self._close()
                raise
            self._close()
            raise StopIteration

    def __enter__(self) -> Generation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the generation, so that its session can be used again."""
        with self._turns.mine():
            if self._open:
                self._close()

    def _close(self) -> None:
        self._result = self._read_result()
        self._open = False
        self._p = ffi.NULL  # nothing else refers to it, so it is freed here

    def text(self) -> str:
        """All the text that is still to come."""
        return "".join(piece.text for piece in self)

    @property
    def result(self) -> GenerationResult:
        """How it ended, or how far it is."""
        return self._result or self._read_result()

    def _read_result(self) -> GenerationResult:
        known = sized("wkv7_generation_result")
        check(lib.wkv7_generation_get_result(self._p, known))
        reason = StopReason(known.reason)
        token = int(known.stop_token) if reason == StopReason.TOKEN else None
        index = int(known.stop_index) if reason == StopReason.TEXT else None
        return GenerationResult(reason, token, index, int(known.tokens), float(known.seconds))
