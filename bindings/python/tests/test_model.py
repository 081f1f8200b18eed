from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

import wkv7
from wkv7 import model as model_module

from .conftest import TEXT


def test_info_and_json_tell_the_same(model: wkv7.Model) -> None:
    info = model.info
    assert (info.layers, info.channels, info.heads, info.head_size) == (3, 128, 2, 64)
    assert (info.vocab, info.slots, info.max_tokens) == (256, 64, 1024)
    assert (info.backend, info.dtype, info.format) == ("cpu", "BF16", "safetensors")
    assert info.end_of_text is None
    assert info.file_bytes == Path(model.json()["path"]).stat().st_size if "path" in model.json() else True
    assert model.json()["fingerprint"] == info.fingerprint
    assert repr(model) == "<wkv7.Model: 3 layers, 128 channels, BF16, cpu>"


def test_options_reach_the_library(path: str) -> None:
    model = wkv7.Model(path, backend="reference", slots=1, max_tokens=16, threads=1, exact=True, tokenizer="bytes")
    assert (model.info.backend, model.info.slots, model.info.max_tokens) == ("reference", 1, 16)
    first = model.session()
    with pytest.raises(wkv7.NoSlot):
        model.session()
    first.close()
    with model.session() as second:
        assert second.feed_text(TEXT) == 16


def test_every_session_starts_from_the_initial_state(path: str, fed: wkv7.Session, tmp_path: Path) -> None:
    fed.save(tmp_path / "start.state")
    model = wkv7.Model(path, initial_state=tmp_path / "start.state")
    with model.session() as session:
        assert session.tokens_seen == 16
        assert np.array_equal(session.logits, fed.logits)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-model") as caught:
        wkv7.Model(tmp_path / "no-such-model.pth")
    assert isinstance(caught.value, wkv7.AccessError)
    assert caught.value.status == wkv7.Status.IO


def test_a_file_that_is_no_model_is_a_file_error(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("no weights here")
    with pytest.raises(wkv7.FileError, match="poem.txt"):
        wkv7.Model(tmp_path / "poem.txt")


def test_unknown_names_are_refused(path: str) -> None:
    with pytest.raises(wkv7.Error, match="abacus"):
        wkv7.Model(path, backend="abacus")
    with pytest.raises(TypeError, match="colour"):
        wkv7.Model.from_memory(Path(path).read_bytes(), colour="red")


def test_progress_is_told_in_bytes(path: str) -> None:
    told: list[tuple[int, int]] = []
    wkv7.Model(path, progress=lambda done, total: told.append((done, total)))
    assert told
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 0


def test_progress_cancels(path: str) -> None:
    with pytest.raises(wkv7.Cancelled):
        wkv7.Model(path, progress=lambda done, total: False)


def test_an_exception_of_progress_reaches_the_caller(path: str) -> None:
    def fail(done: int, total: int) -> None:
        raise ZeroDivisionError("no bytes for me")

    with pytest.raises(ZeroDivisionError, match="no bytes for me"):
        wkv7.Model(path, progress=fail)


def test_the_built_in_model_needs_no_file() -> None:
    model = wkv7.Model.built_in(threads=1)
    assert model.json()["path"] == "built-in"
    assert model.info.end_of_text == 0

    def told() -> str:
        with model.session() as session:
            session.feed_text(TEXT)
            return session.generate(wkv7.Sampler(seed=1), max_tokens=20).text()

    story = told()
    assert story
    assert told() == story
    with pytest.raises(wkv7.Cancelled):
        wkv7.Model.built_in(progress=lambda done, total: False)
    with pytest.raises(TypeError, match="colour"):
        wkv7.Model.built_in(colour="red")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_model_in_memory_computes_the_same(path: str, fed: wkv7.Session, kind: type[bytes]) -> None:
    model = wkv7.Model.from_memory(kind(Path(path).read_bytes()), threads=1)
    assert model.info.fingerprint == fed.model.info.fingerprint
    with model.session() as session:
        session.feed_text(TEXT)
        assert np.array_equal(session.logits, fed.logits)


def test_borrowed_memory_is_given_back(path: str) -> None:
    before = len(model_module._borrowed)
    model = wkv7.Model.from_memory(Path(path).read_bytes())
    session = model.session()
    model.close()
    gc.collect()
    assert len(model_module._borrowed) == before + 1  # the session keeps it
    session.close()
    gc.collect()
    assert len(model_module._borrowed) == before
    with pytest.raises(wkv7.Error):
        wkv7.Model.from_memory(b"no weights here")
    gc.collect()
    assert len(model_module._borrowed) == before


def test_a_closed_model_says_so(path: str) -> None:
    with wkv7.Model(path) as model:
        session = model.session()
    with pytest.raises(wkv7.ClosedError, match="`model` is closed"):
        model.session()
    assert session.feed_text(TEXT) == 16, "sessions keep what they need"


def test_a_model_opens_in_another_thread(path: str) -> None:
    opened: list[wkv7.Model] = []
    thread = threading.Thread(target=lambda: opened.append(wkv7.Model(path)))
    thread.start()
    thread.join()
    assert opened[0].info.layers == 3
