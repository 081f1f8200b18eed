"""Numbers across the boundary: views of the library's memory, and tokens and logits as the library reads them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ._native import ffi

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float32]
    """An array of float32: of numpy where that is installed, else a memoryview of the same shape."""
    Tokens = int | Iterable[int] | NDArray[numpy.integer[Any]]
    """A token, or some: integers from 0 to the vocabulary's size."""
else:
    Floats = Tokens = Any
    try:
        import numpy
    except ImportError:
        numpy = None


class Exports:
    """How many views of some memory are alive."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def view(self, pointer: Any, shape: tuple[int, ...], owner: Any) -> Floats:
        """Memory of `owner`, row-major, as an array that cannot be written to and keeps `owner` alive."""
        self.count += 1

        def gone(_: Any, owner: Any = owner) -> None:
            self.count -= 1

        return array_of(ffi.gc(pointer, gone), shape)


def array_of(pointer: Any, shape: tuple[int, ...]) -> Floats:
    """The float32 at `pointer`, row-major, as an array that cannot be written to and keeps `pointer` alive."""
    count = 1
    for length in shape:
        count *= length
    memory = memoryview(ffi.buffer(pointer, 4 * count)).toreadonly()
    if numpy is not None:
        return numpy.frombuffer(memory, dtype=numpy.float32).reshape(shape)
    return memory.cast("f", shape) if count else memory.cast("f")


def made(shape: tuple[int, ...], write: Callable[[Any], None]) -> Floats:
    """A new array that `write` fills through a pointer."""
    count = 1
    for length in shape:
        count *= length
    values = ffi.new("float[]", max(count, 1))
    write(values)
    return array_of(values, shape)


def as_tokens(tokens: Any) -> tuple[Any, int]:
    """A copy of tokens for the library, and their number.

    A copy, so that nobody can change what was checked before it is used.
    """
    if isinstance(tokens, (str, bytes)):
        raise TypeError("expected tokens, found text: use feed_text() or a tokenizer's encode()")
    values = _array("I", (tokens,) if isinstance(tokens, int) else tokens)
    return ffi.from_buffer("uint32_t[]", values), len(values)


def as_floats(values: Any) -> tuple[Any, int]:
    """Numbers for the library to read, copied only where they are no float32 in row-major order, and their number."""
    if numpy is not None and isinstance(values, numpy.ndarray):
        values = numpy.ascontiguousarray(values, dtype=numpy.float32)
    elif not (isinstance(values, memoryview) and values.format == "f" and values.c_contiguous):
        values = _array("f", values)
    pointer = ffi.from_buffer("float[]", values)
    return pointer, len(pointer)


def _array(kind: str, values: Any) -> array[Any]:
    """Numbers one by one: an array's initialiser would take bytes for its memory."""
    made = array(kind)
    made.extend(values.tolist() if hasattr(values, "tolist") else values)
    return made
