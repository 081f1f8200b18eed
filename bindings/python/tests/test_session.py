from __future__ import annotations

import gc
import math
import pickle
import weakref
from collections.abc import Callable

import numpy as np
import pytest

import wkv7

from .conftest import TEXT

TOKENS = list(TEXT.encode())


def test_tokens_and_text_are_the_same(model: wkv7.Model, fed: wkv7.Session) -> None:
    for tokens in (
        TOKENS,
        tuple(TOKENS),
        np.array(TOKENS),
        np.array(TOKENS, np.uint32),
        iter(TOKENS),
        bytearray(TOKENS),
    ):
        with model.session() as session:
            session.feed(tokens)
            assert session.tokens_seen == 16
            assert np.array_equal(session.logits, fed.logits)


def test_one_token_at_a_time_is_the_same(session: wkv7.Session, fed: wkv7.Session) -> None:
    with fed.model.session() as single:
        for token in TOKENS:
            single.feed(token)
        assert np.array_equal(single.logits, fed.logits)


def test_text_as_tokens_is_refused_in_words(session: wkv7.Session) -> None:
    with pytest.raises(TypeError, match="feed_text"):
        session.feed("Once")  # type: ignore[arg-type]


def test_a_bad_token_feeds_nothing(fed: wkv7.Session) -> None:
    before = fed.logits.copy()
    for bad in (256, [1, 2, 256]):
        with pytest.raises(wkv7.TokenError, match="256"):
            fed.feed(bad)
    with pytest.raises(OverflowError):
        fed.feed(-1)
    assert fed.tokens_seen == 16
    assert np.array_equal(fed.logits, before)


def test_no_logits_before_the_first_token(session: wkv7.Session) -> None:
    assert not session.has_logits
    for ask in (lambda: session.logits, lambda: session.top(), lambda: next(session.generate())):
        with pytest.raises(wkv7.NothingFed):
            ask()


def test_all_logits(session: wkv7.Session, fed: wkv7.Session) -> None:
    logits = session.feed_all(TOKENS)
    assert logits.shape == (16, 256)
    assert np.array_equal(logits[-1], fed.logits)
    assert np.array_equal(session.logits, fed.logits)
    assert session.feed_all([]).shape == (0, 256)


def test_top_logits(session: wkv7.Session, fed: wkv7.Session) -> None:
    tops = fed.top(5)
    order = np.argsort(-fed.logits, kind="stable")[:5]
    assert [top.token for top in tops] == order.tolist()
    exact = fed.logits.astype(np.float64)
    total = math.log(np.exp(exact - exact.max()).sum()) + exact.max()
    assert tops[0].logit == fed.logits.max()
    assert tops[0].log_probability == pytest.approx(exact.max() - total, abs=1e-5)
    assert session.feed_top(TOKENS, 5) == tops
    assert not session.has_logits
    assert len(fed.top(1000)) == 256
    assert fed.top(0) == []


def test_the_hidden_state(model: wkv7.Model, session: wkv7.Session) -> None:
    hidden = session.embed(TOKENS)
    assert hidden.shape == (128,)
    assert not session.has_logits
    with model.session() as other:
        batch = model.batch()
        batch.add(other, TOKENS, wkv7.Want.HIDDEN)
        assert np.array_equal(batch.run()[0], hidden)
    assert session.embed([]).shape == (0,)


def test_logits_are_a_view_that_nobody_can_write_to(fed: wkv7.Session) -> None:
    logits = fed.logits
    assert logits.dtype == np.float32
    assert not logits.flags.owndata
    assert logits.__array_interface__["data"][0] == fed.logits.__array_interface__["data"][0], "the same memory"
    with pytest.raises(ValueError, match="read-only"):
        logits[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        logits.setflags(write=True)


def test_logits_keep_their_owner(model: wkv7.Model) -> None:
    session = model.session()
    session.feed_text(TEXT)
    logits, want = session.logits, session.logits.copy()
    gone = weakref.ref(session)
    session.close()
    del session
    gc.collect()
    assert gone() is None
    for _ in range(4):  # whatever would take the freed memory
        with model.session() as other:
            other.feed_text("something else")
            assert np.array_equal(logits, want)


def test_a_session_does_not_change_what_somebody_looks_at(fed: wkv7.Session) -> None:
    kept = fed.logits[:3]
    state = fed.state()
    changes: dict[str, Callable[[], object]] = {
        "feed": lambda: fed.feed(1),
        "feed many": lambda: fed.feed([1, 2]),
        "feed_text": lambda: fed.feed_text("x"),
        "feed_all": lambda: fed.feed_all([1, 2]),
        "feed_top": lambda: fed.feed_top([1]),
        "embed": lambda: fed.embed([1]),
        "generate": lambda: fed.generate(),
        "reset": lambda: fed.reset(),
        "set_state": lambda: fed.set_state(state),
    }
    for name, change in changes.items():
        with pytest.raises(BufferError, match="1 arrays of this session's logits"):
            change()
        assert fed.tokens_seen == 16, name
    del kept
    fed.feed(1)
    assert fed.tokens_seen == 17


def test_forks_go_their_own_ways(fed: wkv7.Session) -> None:
    fork = fed.fork()
    assert np.array_equal(fork.logits, fed.logits)
    fork.feed_text(" there")
    assert (fed.tokens_seen, fork.tokens_seen) == (16, 22)
    assert not np.array_equal(fork.logits, fed.logits)


def test_reset_goes_back_to_the_start(fed: wkv7.Session) -> None:
    before = fed.logits.copy()
    fed.reset()
    assert fed.tokens_seen == 0
    fed.feed_text(TEXT)
    assert np.array_equal(fed.logits, before)


def test_a_session_moves_to_another_backend(path: str, fed: wkv7.Session) -> None:
    moved = fed.to(wkv7.Model(path, backend="reference"))
    assert moved.model.info.backend == "reference"
    assert np.array_equal(moved.logits, fed.logits)
    text = fed.generate(wkv7.Sampler.greedy(), max_tokens=20).text()
    assert moved.generate(wkv7.Sampler.greedy(), max_tokens=20).text() == text


def test_stats_count(fed: wkv7.Session) -> None:
    fed.generate(wkv7.Sampler.greedy(), max_tokens=5).text()
    stats = fed.stats
    assert (stats.fed_tokens, stats.generated_tokens, stats.last_tokens) == (16, 5, 5)
    assert stats.fed_seconds > 0
    assert stats.generated_seconds >= stats.last_seconds > 0


def test_a_closed_session_says_so(fed: wkv7.Session) -> None:
    fed.close()
    assert repr(fed) == "<wkv7.Session, closed>"
    calls = (lambda: fed.feed(1), lambda: fed.feed([1]), lambda: fed.logits, lambda: fed.state(), lambda: fed.cancel())
    for call in calls:
        with pytest.raises(wkv7.ClosedError, match="`session` is closed"):
            call()
    fed.close()


def test_errors_can_be_pickled(session: wkv7.Session) -> None:
    with pytest.raises(wkv7.TokenError) as caught:
        session.feed(999)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.status) == (wkv7.TokenError, str(caught.value), wkv7.Status.TOKEN)
