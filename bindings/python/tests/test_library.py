"""The library itself, and that the package knows all of it."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import wkv7
from wkv7 import _ffi, _native

PACKAGE = Path(wkv7.__file__).parent
HERE = Path(__file__).parent
HEADER = HERE.parents[2] / "include" / "wkv7.h"


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_versions_agree() -> None:
    assert wkv7.version() == wkv7.__version__ == importlib.metadata.version("wkv7")
    assert wkv7.abi_version() == wkv7.build_info()["abi_version"] == 1
    assert wkv7.build_info()["version"] == wkv7.version()
    assert set(wkv7.backends()) >= {"cpu", "reference"}
    assert wkv7.has_feature("wgpu") == ("wgpu" in wkv7.build_info()["features"])
    assert not wkv7.has_feature("flight")
    assert isinstance(wkv7.devices(), list)


@pytest.mark.parametrize("name", ["LICENSE-MIT", "LICENSE-APACHE"])
def test_the_licences_are_installed(name: str) -> None:
    [installed] = [file for file in importlib.metadata.files("wkv7") or [] if file.name == name]
    assert installed.read_text() == (HERE.parents[2] / name).read_text()


def test_every_function_of_the_header_is_reached() -> None:
    functions = set(re.findall(r"\b(wkv7_\w+)\(", re.sub(r"//.*|/\*[\s\S]*?\*/", "", HEADER.read_text())))
    source = "".join(path.read_text() for path in PACKAGE.glob("*.py") if path.name != "_ffi.py")
    unused = {name for name in functions if not re.search(rf"lib\.{name}\b", source)}
    # Errors bring their text, versions are texts, pieces are asked for and not called back, and every run of a batch is
    # a new one of the library's.
    assert unused == {
        "wkv7_status_message",
        "wkv7_version_number",
        "wkv7_session_generate",
        "wkv7_batch_clear",
    }
    assert all(hasattr(_native.lib, name) for name in functions)


@pytest.mark.parametrize(
    ("prefix", "ours"),
    [
        ("WKV7_", wkv7.Status),
        ("WKV7_STATE_", wkv7.StatePart),
        ("WKV7_STOP_", wkv7.StopReason),
        ("WKV7_WANT_", wkv7.Want),
        ("WKV7_ROLE_", wkv7.Role),
    ],
)
def test_numbers_are_the_headers(prefix: str, ours: type[wkv7.Status]) -> None:
    enum = {"WKV7_": "status", "WKV7_STATE_": "state_part", "WKV7_STOP_": "stop_reason"}
    theirs = _ffi.ffi.typeof(f"enum wkv7_{enum.get(prefix, prefix[5:-1].lower())}").relements
    theirs.pop("WKV7_STOP_CALLBACK", None)  # there is no callback here
    found = {name.replace("WKV7_ERR_", "WKV7_").removeprefix(prefix): number for name, number in theirs.items()}
    assert found == {member.name: member.value for member in ours}


def test_fields_are_the_headers() -> None:
    ours = {"wkv7_model_info": wkv7.ModelInfo._fields, "wkv7_stats": wkv7.Stats._fields}
    for struct, fields in ours.items():
        theirs = [name for name, _ in _ffi.ffi.typeof(struct).fields]
        assert theirs == ["struct_size", *fields]


def test_a_status_of_a_newer_library_is_an_error() -> None:
    error = _native.failure(999)
    assert type(error) is wkv7.Error
    assert error.status == 999


def test_log_messages_reach_the_logging_module(path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(wkv7.TRACE, logger="frogs")
    wkv7.log_to("frogs", wkv7.TRACE)
    try:
        thread = threading.Thread(target=lambda: wkv7.Model(path))
        thread.start()
        thread.join()
    finally:
        wkv7.log_to(None)
    records = [record for record in caplog.records if record.name == "frogs"]
    assert any(record.levelno == logging.INFO and "stories" in record.getMessage() for record in records)
    caplog.clear()
    wkv7.Model(path)
    assert not caplog.records, "nothing is logged unless asked for"


def test_without_numpy_there_are_memoryviews() -> None:
    program = """
import os, sys
sys.modules["numpy"] = None
import wkv7
model = wkv7.Model(os.environ["WKV7_MODEL"])
session = model.session()
session.feed_text("Once upon a time")
logits = session.logits
assert type(logits) is memoryview and logits.readonly and logits.format == "f" and logits.shape == (256,)
assert max(logits) == session.top(1)[0].logit
assert wkv7.Sampler.greedy().sample(logits) == session.top(1)[0].token
assert len(wkv7.Sampler.greedy().probabilities(logits)) == 256
state = session.state()
assert state.wkv.shape == (3, 2, 64, 64) and state.wkv[2, 1, 63, 63] != 0
assert wkv7.State(model).logits.shape == (0,)
try:
    session.feed(1)
    raise SystemExit("no BufferError")
except BufferError:
    del logits
every = session.feed_all([1, 2])
assert every.shape == (2, 256) and every[1, 255] == session.logits[255]
batch = model.batch()
batch.add(session, [1, 2], wkv7.Want.HIDDEN)
assert batch.run()[0].shape == (128,)
print("done")
"""
    done = run(program)
    assert done.stdout == "done\n", done.stderr


@pytest.mark.parametrize(
    ("library", "message"), [("no-such-library.so", "no-such-library"), (__file__, "is not a libwkv7")]
)
def test_a_bad_library_is_an_import_error(library: str, message: str) -> None:
    done = run("import wkv7", WKV7_LIBRARY=library)
    assert "ImportError" in done.stderr
    assert message in done.stderr


def test_leaving_everything_open_at_the_end_is_harmless(path: str) -> None:
    program = """
import os, wkv7
wkv7.log_to("wkv7", wkv7.TRACE)
model = wkv7.Model.from_memory(open(os.environ["WKV7_MODEL"], "rb").read())
session = model.session()
session.feed_text("Once upon a time")
logits, state, generation = session.state().logits, session.state(), session.generate()
print(next(generation).text != "")
"""
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
