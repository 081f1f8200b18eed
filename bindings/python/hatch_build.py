"""What the wheel needs beside its Python files: the shared library, and the header's declarations as a Python module.

The library is built from the repository's Rust sources by cargo. Two environment variables change that:

* ``WKV7_LIBRARY`` names a libwkv7 that is there already; it is copied and nothing is compiled.
* ``WKV7_FEATURES`` names cargo features of the library, such as ``wgpu``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from cffi import FFI
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REPOSITORY = Path(__file__).resolve().parents[2]
HEADER = REPOSITORY / "include" / "wkv7.h"

# What the library is called in the package, by the end of its name.
LIBRARIES = {".so": "libwkv7.so", ".dylib": "libwkv7.dylib", ".dll": "wkv7.dll"}

# The header's conditions as a C11 compiler sees them.
CONDITIONS = {
    "#ifndef WKV7_H": True,
    "#ifdef __cplusplus": False,
    "#ifndef __cplusplus": True,
    "#if __STDC_VERSION__ >= 202311L": False,
    "#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L": False,
}
# Numbers that cffi understands; other macros are for the C preprocessor only.
NUMBER = re.compile(r"#define \w+ \d+$")


def declarations(header: str) -> str:
    """The part of the header that cffi reads: no comments, no conditions, no macros but numbers."""
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    kept, shown = [], [True]
    for line in header.splitlines():
        line = line.split("//")[0].rstrip()
        if line.startswith("#if"):
            if line not in CONDITIONS:
                raise ValueError(f"{HEADER.name}: expected one of {list(CONDITIONS)}, found `{line}`")
            shown.append(CONDITIONS[line])
        elif line == "#else":
            shown[-1] = not shown[-1]
        elif line == "#endif":
            shown.pop()
        elif line and all(shown) and (not line.startswith("#") or NUMBER.match(line)):
            kept.append(line)
    return "\n".join(kept) + "\n"


def write_declarations(to: Path) -> None:
    """Writes the module that knows the header, so that nothing is parsed when the package is imported."""
    builder = FFI()
    builder.cdef(declarations(HEADER.read_text(encoding="utf-8")))
    builder.set_source("wkv7._ffi", None)
    builder.emit_python_code(str(to))


def build_library() -> Path:
    """Compiles the shared library; returns where it lies."""
    command = ["cargo", "build", "--release", "--locked", "--package", "wkv7-ffi"]
    command += ["--message-format", "json-render-diagnostics"]
    if features := os.environ.get("WKV7_FEATURES"):
        command += ["--features", features]
    try:
        done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    except FileNotFoundError:
        raise RuntimeError(
            "building wkv7 needs `cargo` (https://rustup.rs), or WKV7_LIBRARY naming a libwkv7"
        ) from None
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "wkv7":
            for name in message["filenames"]:
                if name.endswith((".so", ".dylib", ".dll")):
                    return Path(name)
    raise RuntimeError("cargo built no shared library for package `wkv7-ffi`")


class Hook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts both files into the package and marks the wheel: any Python 3, this platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Runs before the files are collected."""
        if not HEADER.is_file():
            raise RuntimeError(f"no `{HEADER}`: the wheel is built inside a checkout of the repository")
        package = Path(self.root) / "src" / "wkv7"
        given = os.environ.get("WKV7_LIBRARY")
        library = Path(given) if given else build_library()
        suffix = next((part for part in (".dylib", ".dll") if library.name.endswith(part)), ".so")
        for name in LIBRARIES.values():  # those of another platform would be packed as well
            (package / name).unlink(missing_ok=True)
        shutil.copyfile(library, package / LIBRARIES[suffix])
        write_declarations(package / "_ffi.py")
        platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
