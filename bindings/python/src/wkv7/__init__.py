"""An embeddable RWKV-7 engine.

>>> import os, wkv7
>>> with wkv7.Model(os.environ["WKV7_MODEL"]) as model, model.session() as session:
...     session.feed_text("Once upon a time")
...     session.generate(wkv7.Sampler.greedy(), max_tokens=30).text()
16
' there was a clever frog named'

Texts are str; tokens are integers below the vocabulary's size; logits and states are read-only arrays of float32 that
share the library's memory and keep it alive: numpy arrays where numpy is installed, else memoryviews of the same shape.
Every call that computes lets other threads run. All errors are :class:`Error`.
"""

from __future__ import annotations

from .batch import Batch, Want
from .chat import Chat, Message, Role
from .errors import (
    AccessError,
    ArgumentError,
    Broken,
    Busy,
    Cancelled,
    ClosedError,
    DeviceError,
    Error,
    FileError,
    NoSlot,
    NothingFed,
    SamplingError,
    Status,
    TokenError,
    TokenizerError,
    Unavailable,
    Unsupported,
    WrongModel,
)
from .generation import Generation, GenerationResult, Piece, StopReason
from .library import TRACE, abi_version, backends, build_info, devices, has_feature, log_to, version
from .model import Model, ModelInfo
from .sampler import Sampler
from .session import Session, Stats, Top
from .state import State, StatePart
from .tokenizer import Decoder, Tokenizer
from .tune import TuneStep

__version__ = version()

__all__ = [
    "TRACE",
    "AccessError",
    "ArgumentError",
    "Batch",
    "Broken",
    "Busy",
    "Cancelled",
    "Chat",
    "ClosedError",
    "Decoder",
    "DeviceError",
    "Error",
    "FileError",
    "Generation",
    "GenerationResult",
    "Message",
    "Model",
    "ModelInfo",
    "NoSlot",
    "NothingFed",
    "Piece",
    "Role",
    "Sampler",
    "SamplingError",
    "Session",
    "State",
    "StatePart",
    "Stats",
    "Status",
    "StopReason",
    "TokenError",
    "Tokenizer",
    "TokenizerError",
    "Top",
    "TuneStep",
    "Unavailable",
    "Unsupported",
    "Want",
    "WrongModel",
    "abi_version",
    "backends",
    "build_info",
    "devices",
    "has_feature",
    "log_to",
    "version",
]
