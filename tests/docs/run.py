#!/usr/bin/env python3
"""Runs every snippet of docs/embedding.md.

The first word of a fence's info string is its language; what follows is not shown, and tells what to do with the snippet:

  file=NAME   is written into a file of the section's folder
  run         is a shell script, run there; its failure is ours
  given       is done by whoever runs this script: the library is installed

A `text` fence is in what the last script printed. Any other fence is an error, so that nothing is forgotten. A section
begins at `<a id="NAME"></a>`, which is its name here.

usage: run.py [SECTION...]
Environment: WKV7_PREFIX, the install folder; WKV7_MODEL, the fixture model; PKG_CONFIG_PATH and LD_LIBRARY_PATH for it.
A section whose tools are missing is left out, which with CI=true is a failure.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "embedding.md"
NEEDS = {
    "install": [],
    "c": ["cc", "cmake", "pkg-config"],
    "cpp": ["c++", "cmake", "pkg-config"],
    "rust": ["cargo"],
    "python": ["python3"],
    "go": ["go", "cc", "pkg-config"],
    "node": ["node", "npm"],
}


class Snippet(NamedTuple):
    section: str
    line: int
    language: str
    marks: list
    text: str


def snippets(page):
    """All fences of the page."""
    section, opened, body = "install", None, []
    for number, line in enumerate(page.splitlines(), 1):
        if opened is None:
            anchor = re.fullmatch(r'<a id="([a-z]+)"></a>', line)
            section = anchor[1] if anchor else section
            if line.startswith("```"):
                language, *marks = line[3:].split()
                opened, body = (number, language, marks), []
        elif line == "```":
            yield Snippet(section, *opened, "\n".join(body) + "\n")
            opened = None
        else:
            body.append(line)
    if opened is not None:
        sys.exit(f"{PAGE.name}:{opened[0]}: the fence is not closed")


def run(snippet, folder, environment):
    """Runs a script; what it prints."""
    begun = time.monotonic()
    command = ["bash", "-eu", "-o", "pipefail", "-c", snippet.text]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        fail(snippet, f"exited with {done.returncode}\n{snippet.text}{done.stdout}{done.stderr}")
    print(f"{snippet.section}, line {snippet.line}: {time.monotonic() - begun:.1f} s", flush=True)
    return done.stdout


def fail(snippet, text):
    sys.exit(f"{PAGE.name}:{snippet.line}: {text}")


def play(found, folder, environment):
    """Does what a section's reader would do."""
    printed = None
    for snippet in found:
        name = [mark.removeprefix("file=") for mark in snippet.marks if mark.startswith("file=")]
        if name:
            place = folder / name[0]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(snippet.text)
        elif snippet.marks == ["run"]:
            printed = run(snippet, folder, environment)
        elif snippet.language == "text" and printed is not None:
            missing = [line for line in snippet.text.splitlines() if line not in printed.splitlines()]
            if missing:
                fail(snippet, f"expected `{missing[0]}`, the script printed\n{printed}")
        elif snippet.marks != ["given"]:
            fail(snippet, f"expected `file=NAME`, `run` or `given`, found `{' '.join(snippet.marks)}`")


def main():
    environment = dict(
        os.environ,
        SOURCE=str(ROOT),
        PREFIX=os.environ["WKV7_PREFIX"],
        MODEL=os.environ["WKV7_MODEL"],
        # Kept, and where what the workspace built for itself need not be built again.
        CARGO_TARGET_DIR=os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target")),
        # The programs tell the same unoptimised, and are built in a tenth of the time.
        CARGO_PROFILE_RELEASE_OPT_LEVEL="0",
    )
    sections = {}
    for snippet in snippets(PAGE.read_text(encoding="utf-8")):
        sections.setdefault(snippet.section, []).append(snippet)
    unknown = [name for name in sys.argv[1:] if name not in sections]
    if unknown:
        sys.exit(f"no section `{unknown[0]}`, expected one of: {', '.join(sections)}")
    skipped = []
    for name in sys.argv[1:] or sections:
        missing = [tool for tool in NEEDS[name] if shutil.which(tool) is None]
        if missing:
            skipped.append(name)
            print(f"{name}: left out, no {', '.join(missing)} here", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix=f"wkv7-docs-{name}-") as folder:
            if "cargo" in NEEDS[name]:
                # The versions that the workspace is built with.
                shutil.copy(ROOT / "Cargo.lock", folder)
            play(sections[name], Path(folder), environment)
    if skipped and os.environ.get("CI") == "true":
        sys.exit(f"with CI=true no section may be left out: {', '.join(skipped)}")
    print(f"docs: {len(sys.argv[1:] or sections) - len(skipped)} sections")


if __name__ == "__main__":
    main()
