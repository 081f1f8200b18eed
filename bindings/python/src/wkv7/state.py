"""States: all that a sequence remembers, as a value."""

from __future__ import annotations

import os
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from ._arrays import Exports, Floats, as_floats
from ._native import Turns, check, ffi, lib
from .errors import WrongModel

if TYPE_CHECKING:
    from .model import Model

__all__ = ["State", "StatePart"]


class StatePart(IntEnum):
    """The parts of a state."""

    ATT_SHIFT = 0
    """[layers, channels]: each layer's last time mix input."""
    WKV = 1
    """[layers, heads, head size (value), head size (key)]: the recurrent memory."""
    FFN_SHIFT = 2
    """[layers, channels]: each layer's last channel mix input."""
    LOGITS = 3
    """[vocab]: the logits after the last token."""


class State:
    """All that a sequence remembers at one moment, with the last logits. Its size does not depend on the number of
    tokens. Made by :meth:`wkv7.Session.state`, :meth:`load` and :meth:`from_bytes`; ``State(model)`` is that of a
    sequence that has seen nothing: zeros.

    It can be pickled. Unpickling wants a model of the same weights to be open in the process.
    """

    __slots__ = ("__weakref__", "_exports", "_model", "_p", "_turns")

    def __init__(self, model: Model) -> None:
        out = ffi.new("wkv7_state **")
        check(lib.wkv7_state_new(model._p, out))
        self._become(out[0], model)

    def _become(self, pointer: Any, model: Model) -> None:
        self._p = ffi.gc(pointer, lib.wkv7_state_free)
        self._model = model
        self._exports = Exports()  # of the logits
        self._turns = Turns("state")

    @classmethod
    def _adopt(cls, pointer: Any, model: Model) -> State:
        made = cls.__new__(cls)
        made._become(pointer, model)
        return made

    @classmethod
    def load(cls, model: Model, path: str | os.PathLike[str]) -> State:
        """Reads a state file.

        :raises wkv7.WrongModel: it is of another model, with both fingerprints in the message.
        """
        text, out = os.fspath(path).encode(), ffi.new("wkv7_state **")
        check(lib.wkv7_state_load(model._p, text, len(text), out))
        return cls._adopt(out[0], model)

    @classmethod
    def load_tuned(cls, model: Model, path: str | os.PathLike[str], *, transposed: bool = False) -> State:
        """Reads a tuned initial state, as trainers write it: tensors ``blocks.N.att.time_state``; `transposed` where it
        is stored as (key, value), as web-rwkv's converter does."""
        text, out = os.fspath(path).encode(), ffi.new("wkv7_state **")
        check(lib.wkv7_state_load_tuned(model._p, text, len(text), transposed, out))
        return cls._adopt(out[0], model)

    @classmethod
    def from_bytes(cls, model: Model, data: bytes | bytearray | memoryview) -> State:
        """Reads the bytes of a state file.

        :raises wkv7.WrongModel: it is of another model, with both fingerprints in the message.
        """
        copy, out = bytes(data), ffi.new("wkv7_state **")
        check(lib.wkv7_state_from_bytes(model._p, copy, len(copy), out))
        return cls._adopt(out[0], model)

    def __repr__(self) -> str:
        return f"<wkv7.State after {self.tokens_seen} tokens>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a state file: safetensors, with the model's fingerprint. The place never holds half a file."""
        text = os.fspath(path).encode()
        check(lib.wkv7_state_save(self._p, text, len(text)))

    def save_tuned(self, path: str | os.PathLike[str]) -> None:
        """Writes the recurrent memory alone as a tuned initial state, which :meth:`load_tuned`, ``initial_state`` of
        :class:`wkv7.Model` and other RWKV tools read: a .pth or a .safetensors, by the name of `path`."""
        text = os.fspath(path).encode()
        check(lib.wkv7_state_save_tuned(self._p, text, len(text)))

    def to_bytes(self) -> bytes:
        """The bytes of a state file."""
        length = ffi.new("size_t *")
        check(lib.wkv7_state_to_bytes(self._p, ffi.NULL, length))
        data = ffi.new("char[]", length[0])
        check(lib.wkv7_state_to_bytes(self._p, data, length))
        return bytes(ffi.buffer(data, length[0]))

    __bytes__ = to_bytes

    def __reduce__(self) -> tuple[Any, tuple[str, bytes]]:
        return _unpickle, (self._model.info.fingerprint, self.to_bytes())

    @property
    def tokens_seen(self) -> int:
        """Tokens that led to the state."""
        out = ffi.new("uint64_t *")
        check(lib.wkv7_state_tokens_seen(self._p, out))
        return int(out[0])

    @property
    def att_shift(self) -> Floats:
        """Each layer's last time mix input: float32 [layers, channels], read-only, not a copy."""
        return self._part(StatePart.ATT_SHIFT)

    @property
    def wkv(self) -> Floats:
        """The recurrent memory: float32 [layers, heads, head size (value), head size (key)], read-only, not a copy."""
        return self._part(StatePart.WKV)

    @property
    def ffn_shift(self) -> Floats:
        """Each layer's last channel mix input: float32 [layers, channels], read-only, not a copy."""
        return self._part(StatePart.FFN_SHIFT)

    @property
    def logits(self) -> Floats:
        """The logits after the last token: float32 [vocab], read-only, not a copy; empty where there are none."""
        return self._part(StatePart.LOGITS)

    def _part(self, part: StatePart) -> Floats:
        info = self._model.info
        shape: tuple[int, ...] = (info.layers, info.channels)
        if part == StatePart.WKV:
            shape = (info.layers, info.heads, info.head_size, info.head_size)
        data, count = ffi.new("float **"), ffi.new("size_t *")
        with self._turns.mine():
            check(lib.wkv7_state_get_part(self._p, part, data, count))
            if part == StatePart.LOGITS:
                return self._exports.view(data[0], (count[0],), self._p)
            return Exports().view(data[0], shape, self._p)

    def set_part(self, part: StatePart, values: Any) -> None:
        """Changes a part, and what arrays of it show. The logits, which belong to what was there before, are set to
        nothing unless they are the part.

        :param values: float32 in the part's shape, or as many numbers in its order.
        :raises BufferError: an array of :attr:`logits` is alive, which would lose its memory.
        """
        data, count = as_floats(values)
        with self._turns.mine():
            if self._exports.count:
                raise BufferError(f"{self._exports.count} arrays of this state's logits are alive: drop or copy them")
            check(lib.wkv7_state_set_part(self._p, part, data, count))


def _unpickle(fingerprint: str, data: bytes) -> State:
    from .model import opened

    model = opened(fingerprint)
    if model is None:
        raise WrongModel(
            f"a state of the model with fingerprint {fingerprint}, of which none is open here", lib.WKV7_ERR_WRONG_MODEL
        )
    return State.from_bytes(model, data)
