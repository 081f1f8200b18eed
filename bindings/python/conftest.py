"""Lets the examples in README.md and in the docstrings run where the tests do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault(
    "WKV7_MODEL", str(Path(__file__).resolve().parents[2] / "tests" / "golden" / "stories.safetensors")
)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files that examples write lie in a folder of their own."""
    monkeypatch.chdir(tmp_path)
