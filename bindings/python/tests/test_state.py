from __future__ import annotations

import gc
import pickle
from pathlib import Path

import numpy as np
import pytest

import wkv7

from .conftest import TEXT


def continued(session: wkv7.Session) -> str:
    return session.generate(wkv7.Sampler.greedy(), max_tokens=40).text()


def test_a_state_is_a_value(fed: wkv7.Session, session: wkv7.Session) -> None:
    state = fed.state()
    assert state.tokens_seen == 16
    assert repr(state) == "<wkv7.State after 16 tokens>"
    logits = fed.logits.copy()
    want = continued(fed)
    session.set_state(state)
    assert session.tokens_seen == 16
    assert np.array_equal(session.logits, logits)
    assert continued(session) == want


def test_it_goes_through_a_file(fed: wkv7.Session, session: wkv7.Session, tmp_path: Path) -> None:
    fed.save(tmp_path / "once.state")
    session.restore(tmp_path / "once.state")
    assert np.array_equal(session.logits, fed.logits)
    assert continued(session) == continued(fed)
    with pytest.raises(wkv7.AccessError, match="never"):
        session.restore(tmp_path / "never.state")


def test_it_goes_through_bytes_and_pickles(fed: wkv7.Session, session: wkv7.Session) -> None:
    state = fed.state()
    for copy in (wkv7.State.from_bytes(fed.model, bytes(state)), pickle.loads(pickle.dumps(state))):
        assert np.array_equal(copy.wkv, state.wkv)
        assert np.array_equal(copy.ffn_shift, state.ffn_shift)
        assert copy.tokens_seen == 16
        session.set_state(copy)
        assert np.array_equal(session.logits, fed.logits)
    with pytest.raises(wkv7.FileError):
        wkv7.State.from_bytes(fed.model, b"nothing")


def test_a_pickle_of_an_unknown_model_is_refused(fed: wkv7.Session) -> None:
    data = pickle.dumps(fed.state()).replace(fed.model.info.fingerprint.encode(), b"0" * 32)
    with pytest.raises(wkv7.WrongModel, match="0" * 32):
        pickle.loads(data)


def test_another_models_state_is_refused(path: str, fed: wkv7.Session, tmp_path: Path) -> None:
    fed.save(tmp_path / "once.state")
    other = wkv7.Model(Path(path).parent / "narrow.safetensors")
    with pytest.raises(wkv7.WrongModel):
        wkv7.State.load(other, tmp_path / "once.state")
    with pytest.raises(wkv7.WrongModel), other.session() as session:
        session.set_state(fed.state())


def test_parts_have_the_shapes_of_the_state(fed: wkv7.Session) -> None:
    state = fed.state()
    assert state.att_shift.shape == state.ffn_shift.shape == (3, 128)
    assert state.wkv.shape == (3, 2, 64, 64)
    assert np.array_equal(state.logits, fed.logits)
    for part in (state.att_shift, state.wkv, state.ffn_shift, state.logits):
        assert part.dtype == np.float32
        assert part.any()
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0


def test_a_new_state_is_zeros(model: wkv7.Model) -> None:
    state = wkv7.State(model)
    assert not state.wkv.any()
    assert not state.att_shift.any()
    assert state.logits.shape == (0,)
    assert state.tokens_seen == 0


def test_parts_can_be_changed(fed: wkv7.Session, session: wkv7.Session) -> None:
    state = fed.state()
    shown = state.wkv
    state.set_part(wkv7.StatePart.WKV, shown * 2)
    assert np.array_equal(shown, fed.state().wkv * 2), "a view shows the change"
    assert state.logits.shape == (0,), "the logits belonged to what was there before"
    state.set_part(wkv7.StatePart.LOGITS, [0.5] * 256)
    assert state.logits.tolist() == [0.5] * 256
    session.set_state(state)
    assert np.array_equal(session.state().wkv, shown)
    with pytest.raises(wkv7.ArgumentError, match="384"):
        state.set_part(wkv7.StatePart.FFN_SHIFT, [1.0, 2.0])


def test_logits_that_somebody_looks_at_stay(fed: wkv7.Session) -> None:
    state = fed.state()
    logits, want = state.logits, state.logits.copy()
    with pytest.raises(BufferError, match="1 arrays of this state's logits"):
        state.set_part(wkv7.StatePart.ATT_SHIFT, state.att_shift)
    assert np.array_equal(logits, want)
    del logits
    state.set_part(wkv7.StatePart.ATT_SHIFT, state.att_shift)


def test_parts_keep_their_state(fed: wkv7.Session) -> None:
    parts = [fed.state().wkv for _ in range(3)]
    want = fed.state()
    gc.collect()
    for part in parts:
        assert np.array_equal(part, want.wkv)


def test_a_tuned_state_is_read(model: wkv7.Model, session: wkv7.Session, tmp_path: Path) -> None:
    # A safetensors file by hand: a header, then the numbers, transposed in one of two files.
    import json
    import struct

    rng = np.random.default_rng(1)
    states = rng.standard_normal((3, 2, 64, 64)).astype(np.float32)
    size = states[0].nbytes
    header = {
        f"blocks.{layer}.att.time_state": {
            "dtype": "F32",
            "shape": [2, 64, 64],
            "data_offsets": [layer * size, (layer + 1) * size],
        }
        for layer in range(3)
    }
    text = json.dumps(header).encode()
    for name, numbers in (("plain", states), ("turned", states.swapaxes(2, 3))):
        (tmp_path / name).write_bytes(struct.pack("<Q", len(text)) + text + np.ascontiguousarray(numbers).tobytes())
    plain = wkv7.State.load_tuned(model, tmp_path / "plain")
    turned = wkv7.State.load_tuned(model, tmp_path / "turned", transposed=True)
    assert np.array_equal(plain.wkv, states)
    assert np.array_equal(turned.wkv, states)
    session.set_state(plain)
    session.feed_text(TEXT)
    assert np.isfinite(session.logits).all()
