"""Waiting for the library in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def _nothing() -> None:
    pass


async def in_thread(
    call: Callable[[], T], cancel: Callable[[], None] = _nothing, again: Callable[[], None] = _nothing
) -> T:
    """Runs `call` in a thread. Where the task is cancelled meanwhile, calls `cancel`, waits for the thread, and calls
    `again`, so that whoever caught it finds everything at rest."""
    work = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        cancel()
        await asyncio.wait([work])
        work.exception()  # looked at, so that the loop does not report it
        again()
        raise
