from __future__ import annotations

import gc

import numpy as np
import pytest

import wkv7

TEXTS = ["Once upon a time", "One day", "Tom and"]


def tokens(text: str) -> list[int]:
    return list(text.encode())


def alone(model: wkv7.Model, text: str) -> wkv7.Session:
    session = model.session()
    session.feed_text(text)
    return session


def test_a_batch_is_as_one_after_another(model: wkv7.Model) -> None:
    sessions = [model.session() for _ in TEXTS]
    batch = model.batch()
    for session, text in zip(sessions, TEXTS):
        batch.add(session, tokens(text))
    assert len(batch) == 3
    results = batch.run()
    for session, text, logits in zip(sessions, TEXTS, results):
        want = alone(model, text)
        assert logits.shape == (1, 256)
        assert np.array_equal(logits[0], want.logits)
        assert np.array_equal(session.logits, want.logits)
        assert session.tokens_seen == len(text)


def test_a_step_gets_what_it_wants(model: wkv7.Model) -> None:
    sessions = [model.session() for _ in wkv7.Want]
    batch = model.batch()
    for session, want in zip(sessions, wkv7.Want):
        batch.add(session, tokens("One day"), want)
    nothing, last, every, hidden = batch.run()
    assert nothing.shape == (0, 256)
    assert (last.shape, every.shape, hidden.shape) == ((1, 256), (7, 256), (128,))
    assert np.array_equal(every[-1], last[0])
    with model.session() as session:
        assert np.array_equal(session.feed_all(tokens("One day")), every)


def test_results_stay_as_they_are(model: wkv7.Model) -> None:
    session = model.session()
    batch = model.batch()
    batch.add(session, tokens("One day"), wkv7.Want.ALL)
    first = batch.run()[0]
    copy = first.copy()
    second = batch.run()[0]
    assert session.tokens_seen == 14, "the same tokens again"
    batch.clear()
    assert batch.run() == []
    session.close()
    del batch, session
    gc.collect()
    assert np.array_equal(first, copy)
    assert not np.array_equal(first, second)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_what_does_not_fit_is_refused(model: wkv7.Model, fed: wkv7.Session) -> None:
    batch = model.batch()
    batch.add(fed, [1])
    batch.add(fed, [2])
    with pytest.raises(wkv7.ArgumentError, match="in the batch already"):
        batch.run()
    batch.clear()
    batch.add(fed, [1] * 1025)
    with pytest.raises(wkv7.ArgumentError, match="1025"):
        batch.run()
    assert fed.tokens_seen == 16


def test_logits_that_somebody_looks_at_stay(model: wkv7.Model, fed: wkv7.Session) -> None:
    logits = fed.logits
    batch = model.batch()
    batch.add(fed, [1])
    with pytest.raises(BufferError):
        batch.run()
    del logits
    batch.run()
    assert fed.tokens_seen == 17
