"""Made from include/wkv7.h when the package is built; what it holds is typed by the modules that use it."""

from typing import Any

ffi: Any
