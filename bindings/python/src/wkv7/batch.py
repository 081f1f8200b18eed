"""Batches: many sessions in one forward."""

from __future__ import annotations

from contextlib import ExitStack
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ._arrays import Exports, Floats, Tokens, as_tokens
from ._native import check, ffi, lib

if TYPE_CHECKING:
    from .model import Model
    from .session import Session

__all__ = ["Batch", "Want"]


class Want(IntEnum):
    """What a step asks for."""

    NOTHING = 0
    """Nothing: only the state matters."""
    LAST = 1
    """The logits after the step's last token: [1, vocab]."""
    ALL = 2
    """The logits after each of the step's tokens: [tokens, vocab]."""
    HIDDEN = 3
    """The hidden state after the step's last token: [channels]."""


class _Step(NamedTuple):
    session: Session
    tokens: Any
    length: int
    want: Want


class Batch:
    """Steps of many sessions that share every weight that is read; :meth:`wkv7.Model.batch` makes it. For one thread at
    a time.

    >>> import os, wkv7
    >>> model = wkv7.Model(os.environ["WKV7_MODEL"])
    >>> batch = model.batch()
    >>> for text in "One day", "Tom and":
    ...     batch.add(model.session(), model.tokenizer.encode(text))
    >>> [logits.shape for logits in batch.run()]
    [(1, 256), (1, 256)]
    """

    __slots__ = ("_model", "_steps")

    def __init__(self, model: Model) -> None:
        self._model = model
        self._steps: list[_Step] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, session: Session, tokens: Tokens, want: Want = Want.LAST) -> None:
        """Adds a step: tokens for a session that is not in the batch yet. The tokens are copied."""
        self._steps.append(_Step(session, *as_tokens(tokens), want))

    def clear(self) -> None:
        """Takes all steps out."""
        self._steps.clear()

    def run(self) -> list[Floats]:
        """Advances every session in one forward; returns what each step asked for, in order: float32, read-only, empty
        for :attr:`Want.NOTHING`. Each session then also has the logits of its last token, unless its step wants others.
        Running the batch again feeds the same tokens again.

        The results of one run share their memory, which stays for as long as one of them lives, and its sessions with
        it.

        :raises wkv7.ArgumentError: more tokens than one forward takes, or a session twice.
        :raises BufferError: an array of a session's :attr:`wkv7.Session.logits` is alive.
        """
        # A batch of the library for each run: its results stay as they are, whatever comes after.
        out = ffi.new("wkv7_batch **")
        check(lib.wkv7_batch_new(self._model._p, out))
        batch = ffi.gc(out[0], lib.wkv7_batch_free)
        for step in self._steps:
            check(lib.wkv7_batch_add(batch, step.session._p, step.tokens, step.length, step.want))
        with ExitStack() as turns:
            for step in self._steps:
                turns.enter_context(step.session._turns.mine())
                step.session._changing()
            check(lib.wkv7_batch_run(batch))
        return [self._result(batch, index, step) for index, step in enumerate(self._steps)]

    def _result(self, batch: Any, index: int, step: _Step) -> Floats:
        data, count = ffi.new("float **"), ffi.new("size_t *")
        hidden = step.want == Want.HIDDEN
        check((lib.wkv7_batch_hidden if hidden else lib.wkv7_batch_logits)(batch, index, data, count))
        vocab = self._model.info.vocab
        return Exports().view(data[0], (count[0],) if hidden else (count[0] // vocab, vocab), batch)
