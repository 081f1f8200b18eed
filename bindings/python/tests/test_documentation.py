"""What the documentation shows is what happens."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wkv7

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
MODULES = [
    "wkv7",
    *(f"wkv7.{path.stem}" for path in Path(wkv7.__file__).parent.glob("*.py") if path.stem != "__init__"),
]


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files that examples write lie in a folder of their own."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_in_docstrings() -> None:
    attempted = [doctest.testmod(importlib.import_module(name)).attempted for name in MODULES]
    assert sum(attempted) >= 10


def test_examples_in_the_readme() -> None:
    done = doctest.testfile(str(README), module_relative=False)
    assert done.failed == 0
    assert done.attempted >= 10


def programs() -> list[str]:
    """The readme's blocks that are whole programs."""
    found = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in found if not block.startswith(">>>")]


@pytest.mark.parametrize("program", programs())
def test_programs_in_the_readme(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 20


def test_the_example_chats(path: str, tmp_path: Path) -> None:
    chat = HERE.parent / "examples" / "chat.py"
    state = tmp_path / "chat.state"
    done = subprocess.run(
        [sys.executable, str(chat), path, "--max-tokens", "20", "--seed", "1", "--state", str(state)],
        input="Hello.\nWho are you?\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("tokens, ") == 2
    assert state.is_file()
