"""The library itself: versions, backends and devices, log messages."""

from __future__ import annotations

import atexit
import json
import logging
from typing import Any

from ._native import check, ffi, lib, two_call_text

__all__ = ["abi_version", "backends", "build_info", "devices", "has_feature", "log_to", "version"]

TRACE = 5
"""The level of the logging module for the library's finest messages."""

# The library's levels and those of the logging module.
LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO, 4: logging.DEBUG, 5: TRACE}


def version() -> str:
    """The library's version."""
    text: bytes = ffi.string(lib.wkv7_version())
    return text.decode()


def abi_version() -> int:
    """The version of the library's ABI."""
    return int(lib.wkv7_abi_version())


def build_info() -> dict[str, Any]:
    """How the library was built: version, abi_version, target, profile, features, backends."""
    known: dict[str, Any] = json.loads(ffi.string(lib.wkv7_build_info()))
    return known


def has_feature(name: str) -> bool:
    """Whether the library has a feature, one of those in :func:`build_info`."""
    data = name.encode()
    return bool(lib.wkv7_has_feature(data, len(data)))


def backends() -> list[str]:
    """The backends of this build, fastest first."""
    names: list[str] = json.loads(two_call_text(lib.wkv7_backends))
    return names


def devices() -> list[dict[str, Any]]:
    """The devices that ``"wgpu:INDEX"`` or ``"wgpu:NAME"`` can name as a backend: index, name, kind, api, driver, and
    more. Empty in a build without the feature ``wgpu``. Asking takes up to a second."""
    known: list[dict[str, Any]] = json.loads(two_call_text(lib.wkv7_devices))
    return known


_logger = logging.getLogger("wkv7")


@ffi.callback("wkv7_log_callback")  # type: ignore[untyped-decorator]
def _told(_: Any, level: int, message: Any, length: int) -> None:
    text = bytes(ffi.buffer(message, length)).decode("utf-8", "replace")
    _logger.log(LEVELS.get(level, logging.INFO), "%s", text)


def log_to(logger: str | logging.Logger | None = "wkv7", level: int = logging.INFO) -> None:
    """Sends the log messages of the whole process's library to a logger of the :mod:`logging` module; None ends it.
    Without this call nothing is logged.

    :param logger: the logger or its name.
    :param level: the least level to ask the library for, so that messages nobody reads cost nothing;
        :data:`wkv7.TRACE` is all of them. The logger's own level applies as well.
    """
    global _logger
    if logger is None:
        check(lib.wkv7_log(0, ffi.NULL, ffi.NULL))
        return
    _logger = logging.getLogger(logger) if isinstance(logger, str) else logger
    wanted = max((ours for ours, theirs in LEVELS.items() if theirs >= level), default=0)
    check(lib.wkv7_log(wanted, _told if wanted else ffi.NULL, ffi.NULL))


# No thread of the library may come to an interpreter that is going away.
atexit.register(lib.wkv7_log, 0, ffi.NULL, ffi.NULL)
