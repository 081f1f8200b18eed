from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wkv7

PAIRS = [("Q: goose?\nA:", " A bird."), ("", "An answer alone.")]


def test_a_state_is_tuned(model: wkv7.Model, session: wkv7.Session, tmp_path: Path) -> None:
    steps: list[wkv7.TuneStep] = []
    state = model.tune_state(PAIRS, steps=12, warmup_steps=1, threads=1, progress=steps.append)
    assert [step.done for step in steps] == list(range(1, 13))
    assert all(step.steps == 12 and not step.skipped and 0 <= step.accuracy <= 1 for step in steps)
    assert steps[-1].loss < steps[0].loss
    session.feed_text(PAIRS[0][0])
    plain = session.logits.copy()
    session.set_state(state)
    session.feed_text(PAIRS[0][0])
    assert not np.array_equal(session.logits, plain)

    state.save_tuned(tmp_path / "tuned.pth")
    read = wkv7.State.load_tuned(model, tmp_path / "tuned.pth")
    assert np.array_equal(read.wkv, state.wkv)
    with wkv7.Model(str(Path(model.json()["path"])), initial_state=tmp_path / "tuned.pth", threads=1) as started:
        with started.session() as other:
            other.feed_text(PAIRS[0][0])
            assert np.array_equal(other.logits, session.logits)


def test_its_callback_ends_it(model: wkv7.Model) -> None:
    steps: list[wkv7.TuneStep] = []

    def twice(step: wkv7.TuneStep) -> bool:
        steps.append(step)
        return len(steps) < 2

    state = model.tune_state(PAIRS, threads=1, progress=twice)
    assert len(steps) == 2
    assert np.any(state.wkv)

    def fails(_: wkv7.TuneStep) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        model.tune_state(PAIRS, threads=1, progress=fails)


def test_what_cannot_be_learned_is_refused(model: wkv7.Model) -> None:
    with pytest.raises(wkv7.ArgumentError, match="found 0 samples"):
        model.tune_state([])
    with pytest.raises(wkv7.ArgumentError):
        model.tune_state(PAIRS, first_rate=-1.0)
    with pytest.raises(wkv7.Unsupported):
        wkv7.State(model).save_tuned("state.txt")
