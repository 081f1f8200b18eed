"""What the tests share: the fixture model and sessions of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import wkv7

# The model that the project's tests share; examples and programs find it in the environment.
DEFAULT = Path(__file__).resolve().parents[3] / "tests" / "golden" / "stories.safetensors"
os.environ["WKV7_MODEL"] = os.path.abspath(os.environ.get("WKV7_MODEL", DEFAULT))

# What a shell starts in the background ignores Ctrl-C, which some tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)

TEXT = "Once upon a time"


@pytest.fixture(scope="session")
def path() -> str:
    return os.environ["WKV7_MODEL"]


@pytest.fixture(scope="session")
def model(path: str) -> wkv7.Model:
    # One thread: its team meets at spinning barriers, which a machine busy with tests makes slow.
    return wkv7.Model(path, threads=1)


@pytest.fixture
def session(model: wkv7.Model) -> Iterator[wkv7.Session]:
    with model.session() as session:
        yield session


@pytest.fixture
def fed(model: wkv7.Model) -> Iterator[wkv7.Session]:
    """Another session, which has been fed the text."""
    with model.session() as session:
        session.feed_text(TEXT)
        yield session
