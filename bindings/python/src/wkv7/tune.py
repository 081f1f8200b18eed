"""Tuning: a state that is learned from pairs of texts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ._native import check, ffi, interruptible, lib
from .state import State

if TYPE_CHECKING:
    from .model import Model

__all__ = ["TuneStep"]


class TuneStep(NamedTuple):
    """A step of a tuning."""

    done: int
    """Steps done, this one included."""
    steps: int
    """Steps in all."""
    loss: float
    """Mean cross-entropy of the step's answers before the step, in nats a token."""
    accuracy: float
    """The part of their tokens that was the most likely one."""
    rate: float
    """The learning rate."""
    norm: float
    """Euclidean norm of the gradients before clipping."""
    tokens: int
    """Tokens fed since the beginning."""
    skipped: bool
    """The step changed nothing, because its loss or norm is not finite."""


Progress = Callable[[TuneStep], object]


def tune(model: Model, pairs: Iterable[tuple[str, str]], progress: Progress | None, **given: Any) -> State:
    """What :meth:`wkv7.Model.tune_state` does."""
    options = ffi.new("wkv7_tune_options *")
    check(lib.wkv7_tune_options_init(options, ffi.sizeof("wkv7_tune_options")))
    for name, value in given.items():
        setattr(options, name, value)
    buffers = [tuple(ffi.from_buffer("char[]", text.encode()) for text in (prompt, answer)) for prompt, answer in pairs]
    texts = ffi.new("wkv7_tune_pair[]", [tuple((data, len(data)) for data in pair) for pair in buffers])
    stop = threading.Event()
    raised: list[BaseException] = []

    def told(_: Any, step: Any) -> int:
        try:
            known = TuneStep(*(getattr(step, name) for name in TuneStep._fields))
            go_on = progress is None or progress(known._replace(skipped=bool(known.skipped))) is not False
        except BaseException as error:  # no exception crosses the library
            raised.append(error)
            go_on = False
        return 0 if go_on and not stop.is_set() else 1

    callback = ffi.callback("wkv7_tune_callback", told)

    def tuned() -> State:
        out = ffi.new("wkv7_state **")
        check(lib.wkv7_model_tune_state(model._p, texts, len(buffers), options, callback, ffi.NULL, out))
        return State._adopt(out[0], model)

    state = interruptible(tuned, stop.set, lambda: None)
    if raised:
        raise raised[0]
    return state
