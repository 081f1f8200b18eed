#!/usr/bin/env python3
"""Runs every snippet of docs/embedding.md or docs/training.md.

The first word of a fence's info string is its language; what follows is not shown, and tells what to do with the snippet:

  file=NAME   is written into a file of the section's folder
  run         is a shell script, run there; its failure is ours
  given       is done by whoever runs this script: the library is installed
  in=FILE     stands in a file of the repository as well, which other tests compile and run

A script may say more behind `run`:

  makes=A,B   leaves these files behind, new and not empty
  steps=N     takes too long for a test: every `--steps M` in it becomes `--steps N`; so do `rounds=N` and `--rounds`

A `text` fence is in what the last script printed; in one with `about`, numbers with a decimal point may be off by a
quarter, since losses depend on the processor. Any other fence is an error, so that nothing is forgotten. A section begins
at `<a id="NAME"></a>`, which is its name here. It has a folder of its own, empty at first.

usage: run.py embedding|training [SECTION...]
Environment: for training, WKV7_PROGRAMS, the folder of `wkv7`. For embedding, WKV7_PREFIX, the install folder; WKV7_MODEL, the fixture
model; PKG_CONFIG_PATH and LD_LIBRARY_PATH for it.
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
# The pages, and what each calls the section that it begins with.
PAGES = {"embedding": "install", "training": "training"}
NEEDS = {
    "install": [],
    "c": ["cc", "cmake", "pkg-config"],
    "cpp": ["c++", "cmake", "pkg-config"],
    "rust": ["cargo"],
    "python": ["python3"],
    "go": ["go", "cc", "pkg-config"],
    "node": ["node", "npm"],
    "training": ["wkv7"],
}


class Snippet(NamedTuple):
    page: Path
    section: str
    line: int
    language: str
    marks: dict
    text: str


def snippets(page, section):
    """All fences of the page, which begins with `section`."""
    opened, body = None, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if opened is None:
            anchor = re.fullmatch(r'<a id="([a-z]+)"></a>', line)
            section = anchor[1] if anchor else section
            if line.startswith("```"):
                language, *marks = line[3:].split()
                opened, body = (number, language, dict(mark.partition("=")[::2] for mark in marks)), []
        elif line == "```":
            yield Snippet(page, section, *opened, "\n".join(body) + "\n")
            opened = None
        else:
            body.append(line)
    if opened is not None:
        sys.exit(f"{page.name}:{opened[0]}: the fence is not closed")


# Flags of which a test may want less.
QUICKER = {"steps", "rounds"}


def run(snippet, folder, environment):
    """Runs a script; what it prints."""
    text, made = snippet.text, [folder / name for name in snippet.marks.get("makes", "").split(",") if name]
    for flag in QUICKER & snippet.marks.keys():
        text, count = re.subn(rf"--{flag} [0-9]+", f"--{flag} {snippet.marks[flag]}", text)
        if count == 0:
            fail(snippet, f"no `--{flag}` to make less of")
    before = [stamp(path) for path in made]
    begun = time.monotonic()
    command = ["bash", "-eu", "-o", "pipefail", "-c", text]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        fail(snippet, f"exited with {done.returncode}\n{text}{done.stdout}{done.stderr}")
    for path, old in zip(made, before):
        if stamp(path) in (None, old) or path.stat().st_size == 0:
            fail(snippet, f"expected it to make {path.relative_to(folder)}")
    print(f"{snippet.section}, line {snippet.line}: {time.monotonic() - begun:.1f} s", flush=True)
    return done.stdout


def stamp(path):
    """Differs when a file was written again; nothing where it is not there."""
    if not path.is_file():
        return None
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def fail(snippet, text):
    sys.exit(f"{snippet.page.name}:{snippet.line}: {text}")


NUMBER = re.compile(r"[0-9]+\.[0-9]+")


def alike(expected, found, about):
    """Whether the lines are the same, with `about` but for a quarter of each number with a decimal point."""
    if not about:
        return expected == found
    numbers = zip(NUMBER.findall(expected), NUMBER.findall(found))
    near = all(abs(float(one) - float(other)) <= 0.25 * float(one) for one, other in numbers)
    return near and NUMBER.sub("#", expected) == NUMBER.sub("#", found)


def check_printed(snippet, printed):
    """The lines of a `text` fence are among the printed ones."""
    for line in snippet.text.splitlines():
        if not any(alike(line, found, "about" in snippet.marks) for found in printed.splitlines()):
            fail(snippet, f"expected `{line}`, the script printed\n{printed}")


def check_stands_in(snippet, name):
    """The lines stand in a file of the repository one after another, in a comment or indented or neither."""
    lines = [line.strip().removeprefix("///").strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    if "\n".join(line.strip() for line in snippet.text.splitlines()) not in "\n".join(lines):
        fail(snippet, f"expected to find these lines in {name}\n{snippet.text}")


def play(found, folder, environment):
    """Does what a section's reader would do."""
    printed = None
    for snippet in found:
        marks = snippet.marks
        if "file" in marks:
            place = folder / marks["file"]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(snippet.text)
        elif "run" in marks and marks.keys() <= {"run", "makes"} | QUICKER:
            printed = run(snippet, folder, environment)
        elif "in" in marks:
            check_stands_in(snippet, marks["in"])
        elif snippet.language == "text" and printed is not None:
            check_printed(snippet, printed)
        elif "given" not in marks:
            found = " ".join(marks)
            fail(snippet, f"expected `file=NAME`, `run`, `in=FILE` or `given`, found `{found}`")


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in PAGES:
        sys.exit(f"usage: run.py {'|'.join(PAGES)} [SECTION...]")
    page, wanted = sys.argv[1], sys.argv[2:]
    environment = dict(
        os.environ,
        PATH=os.pathsep.join(filter(None, [os.environ.get("WKV7_PROGRAMS"), os.environ["PATH"]])),
        SOURCE=str(ROOT),
        PREFIX=os.environ.get("WKV7_PREFIX", ""),
        MODEL=os.environ.get("WKV7_MODEL", ""),
        # Kept, and where what the workspace built for itself need not be built again.
        CARGO_TARGET_DIR=os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target")),
        # The programs tell the same unoptimised, and are built in a tenth of the time.
        CARGO_PROFILE_RELEASE_OPT_LEVEL="0",
    )
    sections = {}
    for snippet in snippets(ROOT / "docs" / f"{page}.md", PAGES[page]):
        sections.setdefault(snippet.section, []).append(snippet)
    unknown = [name for name in wanted if name not in sections]
    if unknown:
        sys.exit(f"no section `{unknown[0]}`, expected one of: {', '.join(sections)}")
    skipped = []
    for name in wanted or sections:
        missing = [tool for tool in NEEDS[name] if shutil.which(tool, path=environment["PATH"]) is None]
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
    print(f"docs: {len(wanted or sections) - len(skipped)} sections")


if __name__ == "__main__":
    main()
