"""The shared library: finding it, and what every call of it shares."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ._ffi import ffi
from .errors import Busy, Error, failure_of

__all__ = ["Turns", "check", "failure", "ffi", "interruptible", "lib", "sized", "two_call_text"]

T = TypeVar("T")

NAMES = ("libwkv7.so", "libwkv7.dylib", "wkv7.dll")


def _load() -> Any:
    """The library that ``WKV7_LIBRARY`` names, else the one in the package."""
    given = os.environ.get("WKV7_LIBRARY")
    here = Path(__file__).parent
    path = given or next((str(here / name) for name in NAMES if (here / name).is_file()), None)
    if path is None:
        raise ImportError(f"none of {', '.join(NAMES)} in `{here}`: build the package, or set WKV7_LIBRARY")
    try:
        library = ffi.dlopen(path)
        found = library.wkv7_abi_version()
    except (OSError, AttributeError) as why:
        raise ImportError(f"`{path}` is not a libwkv7: {why}") from why
    if found != library.WKV7_ABI_VERSION:
        raise ImportError(f"`{path}` has version {found} of the ABI, expected {library.WKV7_ABI_VERSION}")
    return library


lib = _load()
_last_error = lib.wkv7_last_error


def failure(status: int) -> Error:
    """What the call of this thread that has just answered `status` failed with."""
    text: bytes = ffi.string(_last_error())
    return failure_of(status, text.decode("utf-8", "replace"))


def check(status: int) -> None:
    """Raises what `status` stands for, unless it is success."""
    if status:
        raise failure(status)


def sized(struct: str) -> Any:
    """A struct of zeros that knows its size."""
    made = ffi.new(f"{struct} *")
    made.struct_size = ffi.sizeof(struct)
    return made


def two_call_text(function: Any, *arguments: Any) -> str:
    """The text that a function writes to its last two arguments, a buffer and its length."""
    length = ffi.new("size_t *")
    check(function(*arguments, ffi.NULL, length))
    buffer = ffi.new("char[]", length[0] + 1)
    length[0] += 1
    check(function(*arguments, buffer, length))
    return bytes(ffi.buffer(buffer, length[0])).decode("utf-8")


class Turns:
    """One caller at a time: whoever comes second gets :class:`Busy`, as from the library itself.

    The library's own answer would come too late for what this package keeps beside a handle. Used as ``with
    turns.mine():``, which no signal can leave halfway.
    """

    __slots__ = ("lock", "what")

    def __init__(self, what: str) -> None:
        self.lock = threading.Lock()
        self.what = what

    def mine(self) -> threading.Lock:
        """The lock to hold. Who comes in between the look and the taking waits, which is right as well."""
        if self.lock.locked():
            raise Busy(f"another call is using the {self.what}", lib.WKV7_ERR_BUSY)
        return self.lock


def interruptible(call: Callable[[], T], cancel: Callable[[], None], again: Callable[[], None]) -> T:
    """Runs `call` so that Ctrl-C can end it.

    Python handles signals in the main thread between two of its instructions, so there a long call goes to a thread of
    its own, and whatever a signal raises meanwhile calls `cancel`, waits, calls `again` and goes on its way.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    results: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()  # a join that a signal ends takes the thread for ended, in Pythons before 3.13

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # handed to the thread that waits
            errors.append(error)
        finally:
            done.set()

    worker = threading.Thread(target=work, name="wkv7", daemon=True)
    worker.start()
    try:
        while not done.wait(0.5):  # Windows looks for Ctrl-C between two waits only
            pass
    except BaseException:
        cancel()
        while not done.is_set():
            try:
                done.wait(0.5)
            except BaseException:  # another Ctrl-C: the call must end before what it uses may go
                continue
        again()
        raise
    if errors:
        raise errors[0]
    return results[0]
