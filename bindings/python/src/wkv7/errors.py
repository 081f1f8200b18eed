"""Errors: one class for all, and one for each kind that a program may want to catch."""

from __future__ import annotations

from contextlib import suppress
from enum import IntEnum

__all__ = [
    "AccessError",
    "ArgumentError",
    "Broken",
    "Busy",
    "Cancelled",
    "ClosedError",
    "DeviceError",
    "Error",
    "FileError",
    "NoSlot",
    "NothingFed",
    "SamplingError",
    "Status",
    "TokenError",
    "TokenizerError",
    "Unavailable",
    "Unsupported",
    "WrongModel",
]


class Status(IntEnum):
    """What the library answers. Newer libraries may know more; such an :class:`Error` has the bare number."""

    OK = 0
    NULL = 1
    ARGUMENT = 2
    UTF8 = 3
    BUFFER = 4
    IO = 5
    FILE = 6
    UNSUPPORTED = 7
    UNAVAILABLE = 8
    NO_SLOT = 9
    WRONG_MODEL = 10
    TOKEN = 11
    TOO_LARGE = 12
    TOKENIZER = 13
    NOTHING_FED = 14
    BROKEN = 15
    BUSY = 16
    CANCELLED = 17
    DEVICE = 18
    PANIC = 19
    SAMPLING = 20
    OTHER = 21


class Error(Exception):
    """Anything that the library answers but success. Its text tells the whole story."""

    status: int
    """One of :class:`Status`."""

    def __init__(self, message: str, status: int = Status.OTHER) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[type[Error], tuple[str, int]]:
        return type(self), (str(self), self.status)


class ArgumentError(Error, ValueError):
    """A value outside its range, a name that nothing has, or more than one call takes."""


class AccessError(Error, OSError):
    """The operating system refused a file."""


class FileError(Error):
    """A file that is not what it should be, or is broken."""


class Unsupported(Error):
    """Something that this build or this backend cannot do."""


class Unavailable(Error):
    """The backend or device is not there."""


class NoSlot(Error):
    """All of the model's slots are in use: close a session, or open the model with more `slots`."""


class WrongModel(Error):
    """Two things that belong to different models."""


class TokenError(Error, ValueError):
    """A token outside the vocabulary."""


class TokenizerError(Error):
    """No vocabulary, or a text or token that it cannot translate."""


class NothingFed(Error):
    """There are no logits yet: feed at least one token first."""


class Broken(Error):
    """An earlier error left the session without a valid state: reset it or give it one."""


class Busy(Error):
    """Another call is using the object: from another thread, a callback, or an open generation."""


class Cancelled(Error):
    """A callback or another thread asked to stop."""


class DeviceError(Error):
    """The device failed, or its memory is full."""


class SamplingError(Error):
    """A logit that no sampler can use, or no token left to sample."""


class ClosedError(Error, ValueError):
    """The object was closed before."""


_CLASSES: dict[int, type[Error]] = {
    Status.NULL: ClosedError,  # the only pointers that this package leaves at NULL are those of closed handles
    Status.ARGUMENT: ArgumentError,
    Status.UTF8: ArgumentError,
    Status.IO: AccessError,
    Status.FILE: FileError,
    Status.UNSUPPORTED: Unsupported,
    Status.UNAVAILABLE: Unavailable,
    Status.NO_SLOT: NoSlot,
    Status.WRONG_MODEL: WrongModel,
    Status.TOKEN: TokenError,
    Status.TOO_LARGE: ArgumentError,
    Status.TOKENIZER: TokenizerError,
    Status.NOTHING_FED: NothingFed,
    Status.BROKEN: Broken,
    Status.BUSY: Busy,
    Status.CANCELLED: Cancelled,
    Status.DEVICE: DeviceError,
    Status.SAMPLING: SamplingError,
}


def failure_of(status: int, text: str) -> Error:
    """The error for a status and the library's text."""
    with suppress(ValueError):  # a newer library's
        status = Status(status)
    if status == Status.NULL:
        text = text.replace("is NULL", "is closed")
    return _CLASSES.get(status, Error)(text, status)
