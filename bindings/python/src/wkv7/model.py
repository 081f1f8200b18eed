"""Models: a checkpoint, loaded."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ._native import check, ffi, interruptible, lib, sized, two_call_text
from .batch import Batch
from .session import Session
from .state import State
from .tokenizer import Tokenizer
from .tune import Progress as TuneProgress
from .tune import tune

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Model", "ModelInfo"]

Progress = Callable[[int, int], object]

# Open models, for states that are unpickled.
_models: weakref.WeakSet[Model] = weakref.WeakSet()


def opened(fingerprint: str) -> Model | None:
    """An open model with the weights of this identity."""
    return next((model for model in list(_models) if model._p and model.info.fingerprint == fingerprint), None)


class ModelInfo(NamedTuple):
    """What is known of a model."""

    layers: int
    """Layers."""
    channels: int
    """Channels: the width of the model and of its hidden state."""
    heads: int
    """Heads of each layer."""
    head_size: int
    """Channels of a head."""
    ffn: int
    """Hidden units of the channel mix."""
    vocab: int
    """Tokens of the vocabulary: the number of logits."""
    slots: int
    """Sessions that can be open at once."""
    max_tokens: int
    """Tokens that one forward takes."""
    parameters: int
    """Numbers in all weights."""
    file_bytes: int
    """Bytes of the file; 0 where there was none."""
    weight_bytes: int
    """Bytes of all weights."""
    packed_bytes: int
    """Bytes that the backend copied or packed beside the mapped file when it loaded."""
    bytes_per_token: int
    """Bytes of weights that decoding one token touches."""
    operations_per_token: int
    """Multiplications and additions of one token."""
    end_of_text: int | None
    """The token that ends a text; None where the vocabulary has none or there is no vocabulary."""
    fingerprint: str
    """Identity of the weights, whatever the file: hexadecimal."""
    dtype: str
    """The element type of most bytes of the weights, such as ``"F16"`` or ``"Q8_0"``."""
    backend: str
    """The backend that runs it."""
    format: str
    """How it was stored; empty where there was no file."""


class Model:
    """A loaded checkpoint: a file or a folder, whatever its format: .pth, safetensors, a Hugging Face folder, GGUF,
    rwkv.cpp. The weights stay in the file, which must not change while the model lives.

    May be used from any number of threads at once. Sessions, tokenizers and batches made from it keep what they need of
    it. :meth:`close`, or leaving its ``with`` block, lets go of it.

    :param path: the checkpoint.
    :param backend: ``"auto"``: the best graphics card where build and machine have one, else the CPU. Or one of
        :func:`wkv7.backends`; ``"wgpu:INDEX"`` and ``"wgpu:NAME"`` choose one of :func:`wkv7.devices`.
    :param tokenizer: ``"auto"``: the vocabulary inside the file, else one beside it, else by the size of the model's.
        Or ``"world"``, ``"bytes"``, or the path of a vocabulary file.
    :param initial_state: path of a tuned state or of a state file that every session starts from.
    :param initial_state_transposed: the tuned state is stored as (key, value), as web-rwkv's converter does.
    :param exact: forbid every approximation that a backend would make for speed.
    :param slots: sessions that can be open at once; 0 means 64.
    :param max_tokens: tokens that one forward takes; 0 means 1024. A prompt can be stopped between two forwards, so
        fewer tokens make Ctrl-C and :meth:`wkv7.Session.cancel` act sooner.
    :param threads: threads of the CPU backend; 0 means one per core.
    :param progress: told how far loading is, in bytes: done, total. Called from any thread, but never from two at once.
        ``False`` as its result cancels, and so does an exception, which goes on to the caller.
    :raises wkv7.AccessError: the operating system refuses the file.
    :raises wkv7.FileError: it is no checkpoint, or is broken.
    :raises wkv7.Unsupported: another architecture, or something that this build cannot do.
    :raises wkv7.Unavailable: the backend or device is not there.
    :raises wkv7.Cancelled: `progress` said so.
    """

    __slots__ = ("__weakref__", "_p", "_tokenizer", "info")

    info: ModelInfo
    """What is known of the model."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        backend: str = "auto",
        tokenizer: str | os.PathLike[str] = "auto",
        initial_state: str | os.PathLike[str] | None = None,
        initial_state_transposed: bool = False,
        exact: bool = False,
        slots: int = 0,
        max_tokens: int = 0,
        threads: int = 0,
        progress: Progress | None = None,
    ) -> None:
        text = os.fspath(path).encode()
        self._open(
            lambda options, out: lib.wkv7_model_open(text, len(text), options, out),
            progress,
            backend=backend,
            tokenizer=tokenizer,
            initial_state=initial_state,
            initial_state_transposed=initial_state_transposed,
            exact=exact,
            slots=slots,
            max_tokens=max_tokens,
            threads=threads,
        )

    @classmethod
    def built_in(cls, *, progress: Progress | None = None, **options: Any) -> Self:
        """Opens the model inside the library, a very small one that tells little stories in English, with the options of
        :class:`Model`: for a first try, and for tests that need no file."""
        made = cls.__new__(cls)
        made._open(lib.wkv7_model_open_built_in, progress, **options)
        return made

    @classmethod
    def from_memory(
        cls, data: bytes | bytearray | memoryview, *, progress: Progress | None = None, **options: Any
    ) -> Self:
        """Opens a checkpoint of one file that lies in memory, with the options of :class:`Model`. Memory that cannot be
        written to, such as bytes or a read-only map, is borrowed for as long as the model needs it; other memory is
        copied."""
        pointer, size = ffi.from_buffer("char[]", data), memoryview(data).nbytes
        borrow = memoryview(data).readonly
        made = cls.__new__(cls)

        def load(options: Any, out: Any) -> int:
            if not borrow:
                return int(lib.wkv7_model_from_memory(pointer, size, ffi.NULL, ffi.NULL, options, out))
            handle = ffi.new_handle(pointer)
            _borrowed[int(ffi.cast("uintptr_t", handle))] = handle, pointer
            return int(lib.wkv7_model_from_memory(pointer, size, _release, handle, options, out))

        made._open(load, progress, **options)
        return made

    def _open(self, load: Callable[[Any, Any], int], progress: Progress | None, **given: Any) -> None:
        options, texts = ffi.new("wkv7_model_options *"), []
        check(lib.wkv7_model_options_init(options, ffi.sizeof("wkv7_model_options")))
        for name, value in given.items():
            if name in ("backend", "tokenizer", "initial_state"):
                data = os.fspath(value).encode() if value is not None else b""
                texts.append(ffi.from_buffer("char[]", data))
                setattr(options, name, (texts[-1], len(data)))
            elif hasattr(options, name):
                setattr(options, name, value)
            else:
                raise TypeError(f"no option `{name}` of a model")
        stop = threading.Event()
        raised: list[BaseException] = []

        def told(_: Any, done: int, total: int) -> int:
            try:
                go_on = progress is None or progress(done, total) is not False
            except BaseException as error:  # no exception crosses the library
                raised.append(error)
                go_on = False
            return 0 if go_on and not stop.is_set() else 1

        options.progress = callback = ffi.callback("wkv7_progress_callback", told)
        out = ffi.new("wkv7_model **")
        used = callback, texts  # by the thread that loads, for as long as it does

        def opened() -> None:
            check(load(options, out))
            _ = used

        try:
            interruptible(opened, stop.set, lambda: None)
        except Exception as error:
            if raised:
                raise raised[0] from error
            raise
        finally:
            del callback, texts
        self._p = ffi.gc(out[0], lib.wkv7_model_free)
        self._tokenizer: Tokenizer | None = None
        self.info = _info(self._p)
        _models.add(self)

    def __repr__(self) -> str:
        info = self.info
        return f"<wkv7.Model: {info.layers} layers, {info.channels} channels, {info.dtype}, {info.backend}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the model; it is freed once the last session, tokenizer and batch of it is."""
        self._p = ffi.NULL
        self._tokenizer = None

    def json(self) -> dict[str, Any]:
        """All that is known: :attr:`info` and, of varying content, the file's own metadata and chat template, bytes by
        element type, how the backend computes and what it packed."""
        known: dict[str, Any] = json.loads(two_call_text(lib.wkv7_model_json, self._p))
        return known

    @property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary.

        :raises wkv7.TokenizerError: there is none.
        """
        if self._tokenizer is None:
            self._tokenizer = Tokenizer._of(self._p)
        return self._tokenizer

    def session(self) -> Session:
        """A new session, at the model's initial state.

        :raises wkv7.NoSlot: all slots are in use.
        """
        return Session(self)

    def batch(self) -> Batch:
        """An empty batch for sessions of this model."""
        return Batch(self)

    def tune_state(
        self,
        pairs: Iterable[tuple[str, str]],
        *,
        rounds: int = 0,
        steps: int = 0,
        batch: int = 0,
        first_rate: float = 0.0,
        last_rate: float = 0.0,
        warmup_steps: int = 0,
        seed: int = 0,
        context: int = 0,
        threads: int = 0,
        lead: bool = False,
        no_end: bool = False,
        progress: TuneProgress | None = None,
    ) -> State:
        """Learns the state from which the model answers prompts as `pairs` do, each a prompt and its answer: for
        :meth:`wkv7.Session.set_state`, and for later by :meth:`wkv7.State.save_tuned`. It begins with the model's initial
        state; the weights stay as they are and may be of any type.

        :param pairs: where a prompt is empty, all of the answer is learned but its first token.
        :param rounds: times that every pair is learned from; 0 means 4.
        :param steps: steps, in place of rounds; 0 means as many as the rounds take.
        :param batch: pairs of a step at most; 0 means 16.
        :param first_rate: the learning rate after warming up; 0 means 1.
        :param last_rate: the learning rate at the end; 0 means 0.01.
        :param warmup_steps: steps over which the rate rises, at most half of all; 0 means 10.
        :param seed: of the order of the pairs.
        :param context: tokens of a pair that are fed at most; what is longer is cut; 0 means 512.
        :param threads: 0 means one per core.
        :param lead: feed token 0 first, as between the documents of pretraining.
        :param no_end: do not learn that token 0 ends an answer.
        :param progress: told of every step. ``False`` as its result ends the tuning, which keeps what it has learned; an
            exception ends it too, and goes on to the caller.
        """
        return tune(
            self,
            pairs,
            progress,
            rounds=rounds,
            steps=steps,
            batch=batch,
            first_rate=first_rate,
            last_rate=last_rate,
            warmup_steps=warmup_steps,
            seed=seed,
            context=context,
            threads=threads,
            lead=lead,
            no_end=no_end,
        )


def _info(pointer: Any) -> ModelInfo:
    known = sized("wkv7_model_info")
    check(lib.wkv7_model_get_info(pointer, known))
    values = {name: getattr(known, name) for name in ModelInfo._fields}
    for name in ("fingerprint", "dtype", "backend", "format"):
        values[name] = ffi.string(values[name]).decode()
    if values["end_of_text"] < 0:
        values["end_of_text"] = None
    return ModelInfo(**values)


# Memory that models borrow, by handle: an entry keeps its buffer until the library gives it back.
_borrowed: dict[int, tuple[Any, Any]] = {}


@ffi.callback("wkv7_release_callback")  # type: ignore[untyped-decorator]
def _release(user: Any, _data: Any, _len: int) -> None:
    _borrowed.pop(int(ffi.cast("uintptr_t", user)), None)
