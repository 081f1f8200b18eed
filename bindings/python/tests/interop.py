"""``interop.py write LANG`` and ``interop.py check LANG``: the same numbers and tokens in every language.

``write`` leaves the logits, the state and 64 greedy tokens after a text in the folder that ``WKV7_INTEROP`` names;
``check`` goes on from the states that the other languages left there.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import wkv7


def write_tokens(session: wkv7.Session, path: Path) -> None:
    tokens = [piece.token for piece in session.generate(wkv7.Sampler.greedy(), max_tokens=64)]
    path.write_text(" ".join(map(str, tokens)) + "\n", encoding="ascii")


def write(model: wkv7.Model, language: str, folder: Path) -> None:
    with model.session() as session:
        session.feed_text("Once upon a time")
        logits = session.logits
        (folder / f"{language}.logits").write_bytes(struct.pack(f"<{len(logits)}f", *logits))
        del logits
        session.save(folder / f"{language}.state")
        write_tokens(session, folder / f"{language}.tokens")


def check(model: wkv7.Model, language: str, folder: Path) -> None:
    for state in sorted(folder.glob("*.state")):
        if state.stem != language:
            with model.session() as session:
                session.restore(state)
                write_tokens(session, folder / f"{language}.from.{state.stem}.tokens")


def main() -> None:
    try:
        mode, language = sys.argv[1:]
        action = {"write": write, "check": check}[mode]
    except (ValueError, KeyError):
        sys.exit("usage: interop.py write|check LANG")
    try:
        with wkv7.Model(os.environ["WKV7_MODEL"]) as model:
            action(model, language, Path(os.environ["WKV7_INTEROP"]))
    except (wkv7.Error, OSError) as error:
        sys.exit(f"interop.py: {error}")
    except KeyError as missing:
        sys.exit(f"interop.py: {missing} is not set")


if __name__ == "__main__":
    main()
