#!/usr/bin/env python3
"""Builds the examples in C and C++ in every way that their users would, and runs them on the fixture.

Make with pkg-config and CMake with find_package, the shared library and the static one, gcc and clang. All must print the
same, whatever the language: the samplers are seeded.

Environment: WKV7_PREFIX, the install folder; WKV7_MODEL, the fixture model; PKG_CONFIG_PATH and LD_LIBRARY_PATH for it.
"""

import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COMPILERS = {"c": ("CC", ["gcc", "clang"]), "cpp": ("CXX", ["g++", "clang++"])}
# Every build with every library and with every compiler; all triples would take twice as long and tell no more.
WAYS = [("make", "wkv7", 0), ("make", "static", 1), ("cmake", "wkv7", 1), ("cmake", "static", 0)]
WARNINGS = "-O0 -Wall -Wextra -pedantic -Werror"
STORY = " there was a clever frog named Max."


def run(command, **options):
    """What a command prints; the end of the script where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"examples: {' '.join(map(str, command))} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def make(language, link, compiler, folder):
    """Builds with make and pkg-config."""
    variable, _ = COMPILERS[language]
    flags = "CFLAGS" if language == "c" else "CXXFLAGS"
    package = "wkv7" if link == "wkv7" else "wkv7-static"
    source = EXAMPLES / language
    run(["make", "-j2", "-C", source, f"BUILD={folder}", f"WKV7={package}", f"{variable}={compiler}", f"{flags}={WARNINGS}"])


def cmake(language, link, compiler, folder):
    """Builds with CMake and find_package."""
    name = "C" if language == "c" else "CXX"
    settings = {
        "CMAKE_PREFIX_PATH": os.environ["WKV7_PREFIX"],
        f"CMAKE_{name}_COMPILER": compiler,
        f"CMAKE_{name}_FLAGS": WARNINGS,
        "LINK": link,
    }
    defined = [f"-D{key}={value}" for key, value in settings.items()]
    run(["cmake", "-S", EXAMPLES / language, "-B", folder, *defined])
    run(["cmake", "--build", folder, "-j2"])


def outputs(folder, link):
    """What each example prints."""
    model = os.environ["WKV7_MODEL"]
    state = folder / "story.state"
    environment = dict(os.environ)
    if link == "static":
        environment.pop("LD_LIBRARY_PATH", None)  # a static program must not want the shared library

    def example(name, *arguments, given=""):
        return run([folder / name, *arguments], env=environment, input=given)

    found = {
        "generate": example("generate", model, "Once upon a time", "7"),
        "chat": example("chat", model, "3", given="Hi there\nAnd then?\n"),
        "threads": example("threads", model, "Once upon", "One day", "Max", "There was"),
        "batch": example("batch", model, "Once upon", "One day", "Max", "There was"),
        "save": example("state", "save", model, state, "Once upon a time").replace(str(state), "FILE"),
        "load": example("state", "load", model, state),
    }
    wrong = subprocess.run([folder / "generate", "no-such-model", "x"], env=environment, capture_output=True, text=True)
    if wrong.returncode != 1 or "no-such-model" not in wrong.stderr:
        sys.exit(f"examples: expected an error that names the file, found {wrong.returncode}: {wrong.stderr}")
    return found


def main():
    expected = None
    variants = 0
    with tempfile.TemporaryDirectory(prefix="wkv7-examples-") as root:
        for language, (build, link, which) in itertools.product(COMPILERS, WAYS):
            compiler = COMPILERS[language][1][which]
            name = f"{language}-{build}-{link}-{compiler}"
            folder = Path(root) / name
            {"make": make, "cmake": cmake}[build](language, link, compiler, folder)
            found = outputs(folder, link)
            expected = expected or found
            for example, text in found.items():
                if text != expected[example]:
                    sys.exit(f"examples: {name}: {example} printed\n{text}\nothers printed\n{expected[example]}")
            variants += 1
    if not expected["load"].startswith(STORY):
        sys.exit(f"examples: expected a story that begins `{STORY}`, found {expected['load']}")
    if expected["threads"] != expected["batch"]:
        sys.exit(f"examples: threads printed\n{expected['threads']}\nbatch printed\n{expected['batch']}")
    if not expected["save"].startswith("16 tokens"):
        sys.exit(f"examples: expected 16 tokens, found {expected['save']}")
    print(f"examples: {len(expected)} runs agree in {variants} builds")


if __name__ == "__main__":
    main()
