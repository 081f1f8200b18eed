"""The programs that compare languages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import wkv7

HERE = Path(__file__).parent


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / program), *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def test_interop_goes_on_from_another_languages_state(fed: wkv7.Session, tmp_path: Path) -> None:
    for mode, language in (("write", "snake"), ("check", "python")):
        done = run("interop.py", mode, language, WKV7_INTEROP=str(tmp_path))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert np.array_equal(np.fromfile(tmp_path / "snake.logits", "<f4"), fed.logits)
    tokens = (tmp_path / "snake.tokens").read_text()
    assert tokens == (tmp_path / "python.from.snake.tokens").read_text()
    assert bytes(map(int, tokens.split())).decode().startswith(" there was a clever frog named Max. ")


def test_interop_fails_in_one_line(tmp_path: Path) -> None:
    done = run("interop.py", "write", "python", WKV7_INTEROP=str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_decode_tells_seconds() -> None:
    done = run("decode.py", "5")
    assert 0 < float(done.stdout) < 60, done.stderr
