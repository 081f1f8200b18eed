"""What the tests share: the fixture model and sessions of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import wkv7

TEXT = "Once upon a time"


@pytest.fixture(scope="session")
def path() -> str:
    return os.environ["WKV7_MODEL"]


@pytest.fixture(scope="session")
def model(path: str) -> wkv7.Model:
    return wkv7.Model(path)


@pytest.fixture
def session(model: wkv7.Model) -> Iterator[wkv7.Session]:
    with model.session() as session:
        yield session


@pytest.fixture
def fed(session: wkv7.Session) -> wkv7.Session:
    session.feed_text(TEXT)
    return session
