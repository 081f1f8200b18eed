from __future__ import annotations

import math
from array import array

import numpy as np
import pytest

import wkv7


@pytest.mark.parametrize(
    "logits",
    [
        [0.0, 2.0, 1.0],
        (0, 2, 1),
        array("f", [0, 2, 1]),
        array("d", [0, 2, 1]),
        memoryview(array("f", [0, 2, 1])),
        np.array([0, 2, 1], np.float32),
        np.array([0, 2, 1], np.float64),
        np.array([0, 9, 2, 9, 1, 9], np.float32)[::2],
    ],
    ids=lambda logits: type(logits).__name__,
)
def test_logits_of_any_kind(logits: object) -> None:
    assert wkv7.Sampler.greedy().sample(logits) == 1


def test_probabilities_are_those_of_the_softmax(fed: wkv7.Session) -> None:
    sampler = wkv7.Sampler(temperature=1, top_p=1, presence=0, frequency=0)
    exact = np.exp(fed.logits.astype(np.float64) - fed.logits.max())
    assert np.abs(sampler.probabilities(fed.logits) - exact / exact.sum()).max() < 1e-6


def test_options_cut_and_bend() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    plain = {"temperature": 1.0, "top_p": 1.0, "presence": 0.0, "frequency": 0.0}

    def probabilities(**options: object) -> list[float]:
        return [round(p, 3) for p in wkv7.Sampler(**{**plain, **options}).probabilities(logits).tolist()]  # type: ignore[arg-type]

    assert probabilities() == [0.5, 0.3, 0.15, 0.05]
    assert probabilities(top_k=2) == [0.625, 0.375, 0, 0]
    assert probabilities(top_p=0.75) == [0.625, 0.375, 0, 0]
    assert probabilities(min_p=0.5) == [0.625, 0.375, 0, 0]
    assert probabilities(banned=[0, 1]) == [0, 0, 0.75, 0.25]
    assert probabilities(bias={0: -math.inf, 1: -math.inf}) == [0, 0, 0.75, 0.25]
    assert probabilities(temperature=0) == [1, 0, 0, 0]


def test_accepted_tokens_are_penalised(model: wkv7.Model) -> None:
    sampler = wkv7.Sampler(temperature=0, presence=5, frequency=0)
    logits = [0.0, 2.0, 1.0]
    assert sampler.sample(logits) == 1
    sampler.accept(1)
    assert sampler.sample(logits) == 2
    sampler.reset()
    sampler.accept(2, model.tokenizer)
    assert sampler.sample(logits) == 1


def test_a_seed_repeats_a_run() -> None:
    logits = np.zeros(256, np.float32)
    first = wkv7.Sampler(temperature=1, top_p=1)
    again = wkv7.Sampler(temperature=1, top_p=1, seed=first.seed)
    run = [first.sample(logits) for _ in range(20)]
    assert [again.sample(logits) for _ in range(20)] == run
    first.reset()
    assert [first.sample(logits) for _ in range(20)] == run
    assert len(set(run)) > 5


def test_what_cannot_be_sampled_is_refused(session: wkv7.Session) -> None:
    with pytest.raises(wkv7.SamplingError):
        wkv7.Sampler.greedy().sample([math.nan, math.nan])
    with pytest.raises(wkv7.NothingFed):
        wkv7.Sampler.greedy().sample(session)
    with pytest.raises(wkv7.ArgumentError, match="temperature"):
        wkv7.Sampler(temperature=-1)
    with pytest.raises(OverflowError):
        wkv7.Sampler(seed=-1)
