"""Threads, cancelling, Ctrl-C and event loops."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import wkv7

from .conftest import TEXT

LONG = list(b"Once upon a time there was a clever frog named Max. ") * 400  # 20800 tokens, some twenty forwards


@contextmanager
def ticking() -> Iterator[list[float]]:
    """A thread that notes the time about every millisecond."""
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield ticks
    finally:
        done.set()
        thread.join()


def batch_of(model: wkv7.Model, session: wkv7.Session) -> Callable[[], object]:
    batch = model.batch()
    batch.add(session, LONG[:1024], wkv7.Want.ALL)
    return batch.run


CALLS: dict[str, Callable[[wkv7.Model, wkv7.Session], Callable[[], object]]] = {
    "feed": lambda model, session: lambda: session.feed(LONG[:1024]),
    "feed in many forwards": lambda model, session: lambda: session.feed(LONG[:4096]),
    "feed_text": lambda model, session: lambda: session.feed_text(bytes(LONG[:1024]).decode()),
    "feed_all": lambda model, session: lambda: session.feed_all(LONG[:1024]),
    "feed_top": lambda model, session: lambda: session.feed_top(LONG[:1024]),
    "embed": lambda model, session: lambda: session.embed(LONG[:1024]),
    "batch": batch_of,
    "generate": lambda model, session: lambda: session.generate(max_tokens=200).text(),
}


@pytest.mark.parametrize("name", CALLS)
def test_other_threads_run_meanwhile(model: wkv7.Model, fed: wkv7.Session, name: str) -> None:
    call = CALLS[name](model, fed)
    # In a thread that is not the main one, where a call is never handed to another.
    spans: list[tuple[float, float]] = []

    def work() -> None:
        for _ in range(3):
            begun = time.perf_counter()
            call()
            spans.append((begun, time.perf_counter()))

    with ticking() as ticks:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    begun, ended = spans[0][0], spans[-1][1]
    inside = [tick for tick in ticks if begun < tick < ended]
    # With the interpreter locked during calls there would be a tick or two between them.
    assert len(inside) > 10, f"{len(inside)} ticks in {ended - begun:.3f} s"


def test_sessions_on_threads_are_as_one_after_another(model: wkv7.Model) -> None:
    texts = [f"{TEXT}, {number} frogs" for number in range(8)]
    found: list[tuple[str, np.ndarray] | None] = [None] * len(texts)

    def work(index: int) -> None:
        with model.session() as session:
            session.feed_text(texts[index])
            logits = session.logits.copy()
            found[index] = session.generate(wkv7.Sampler.greedy(), max_tokens=30).text(), logits

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together, found = found, [None] * len(texts)
    for index in range(len(texts)):
        work(index)
    for one, other in zip(together, found):
        assert one is not None
        assert other is not None
        assert one[0] == other[0]
        assert np.array_equal(one[1], other[1])


def test_whoever_comes_second_is_told(fed: wkv7.Session) -> None:
    begun = threading.Event()

    def work() -> None:
        begun.set()
        with pytest.raises(wkv7.Cancelled):
            fed.feed(LONG)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    with pytest.raises(wkv7.Busy):
        while thread.is_alive():
            fed.feed(1)
    fed.cancel()
    thread.join()


def cancelled_soon(session: wkv7.Session, call: Callable[[], object]) -> None:
    """Cancels from another thread, and expects the call to end."""
    timer = threading.Timer(0.1, session.cancel)
    timer.start()
    with pytest.raises(wkv7.Cancelled):
        call()
    timer.join()


def test_another_thread_cancels_a_feed(fed: wkv7.Session) -> None:
    cancelled_soon(fed, lambda: fed.feed(LONG * 20))
    seen = fed.tokens_seen
    assert (seen - 16) % 1024 == 0, "between two forwards"
    assert seen < len(LONG) * 20
    with pytest.raises(wkv7.Cancelled):
        fed.feed(1)
    fed.clear_cancel()
    fed.feed(1)
    assert fed.tokens_seen == seen + 1


def test_another_thread_cancels_a_generation(fed: wkv7.Session) -> None:
    generation = fed.generate(max_tokens=1_000_000)
    tokens: list[int] = []
    cancelled_soon(fed, lambda: tokens.extend(piece.token for piece in generation))
    assert generation.result.reason == wkv7.StopReason.NONE
    assert 0 < generation.result.tokens < 1_000_000
    assert fed.tokens_seen == 16 + generation.result.tokens
    fed.clear_cancel()
    fed.feed(1)


def interrupted_soon(call: Callable[[], object]) -> None:
    """Presses Ctrl-C meanwhile."""
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        call()
    timer.join()


@pytest.mark.parametrize("name", ["feed", "feed_text", "feed_top", "embed"])
def test_ctrl_c_stops_a_feed(fed: wkv7.Session, name: str) -> None:
    tokens = LONG * 20
    argument = bytes(tokens).decode() if name == "feed_text" else tokens
    interrupted_soon(lambda: getattr(fed, name)(argument))
    seen = fed.tokens_seen
    assert (seen - 16) % 1024 == 0, "between two forwards"
    assert seen < len(tokens)
    fed.feed(1)
    assert fed.tokens_seen == seen + 1, "it is not cancelled for good"


def test_ctrl_c_stops_a_generation(fed: wkv7.Session) -> None:
    interrupted_soon(lambda: fed.generate(max_tokens=1_000_000).text())
    assert 16 < fed.tokens_seen < 1_000_000
    fed.feed(1)


def test_ctrl_c_stops_loading(path: str) -> None:
    def press(done: int, total: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)

    with pytest.raises(KeyboardInterrupt):
        wkv7.Model(path, progress=press)


def test_the_event_loop_goes_on(model: wkv7.Model, fed: wkv7.Session) -> None:
    async def main() -> tuple[str, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticker = asyncio.ensure_future(tick())
        with model.session() as session:
            await session.feed_async(LONG[:4096])
            during_feed = ticks
            session.reset()
            assert await session.feed_text_async(TEXT) == 16
            text = ""
            async for piece in session.generate_async(wkv7.Sampler.greedy(), max_tokens=20):
                text += piece.text
            assert session.tokens_seen == 36
        ticker.cancel()
        return text, during_feed

    text, ticks = asyncio.run(main())
    assert text == fed.generate(wkv7.Sampler.greedy(), max_tokens=20).text()
    assert ticks > 10


def test_a_cancelled_task_stops_its_feed(fed: wkv7.Session) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(fed.feed_async(LONG * 20), 0.1)
        seen = fed.tokens_seen
        assert (seen - 16) % 1024 == 0
        assert seen < len(LONG) * 20
        await fed.feed_async(1)
        assert fed.tokens_seen == seen + 1

    asyncio.run(main())


def test_a_cancelled_task_stops_its_generation(fed: wkv7.Session) -> None:
    async def generate() -> None:
        async for _ in fed.generate_async(max_tokens=1_000_000):
            pass

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(generate(), 0.1)
        assert 16 < fed.tokens_seen < 1_000_000
        fed.feed(1)

    asyncio.run(main())


def test_leaving_an_async_loop_frees_the_session(fed: wkv7.Session) -> None:
    async def main() -> None:
        pieces = fed.generate_async(wkv7.Sampler.greedy())
        async for piece in pieces:
            if piece.token == ord("w"):
                break
        await pieces.aclose()
        assert fed.tokens_seen == 16 + len(" there w")
        fed.feed(1)

    asyncio.run(main())


def test_one_generation_is_for_one_thread_at_a_time(fed: wkv7.Session) -> None:
    generation = fed.generate(max_tokens=300)
    found: list[object] = []

    def work() -> None:
        while True:
            try:
                piece = next(generation, None)
            except wkv7.Busy:
                time.sleep(0.001)
                continue
            if piece is None:
                return
            found.append(piece.text)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == generation.result.tokens <= 300
