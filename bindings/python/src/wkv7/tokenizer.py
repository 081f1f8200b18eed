"""Vocabularies: text to tokens and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ._arrays import Tokens, as_tokens
from ._native import Turns, check, ffi, lib

__all__ = ["Decoder", "Tokenizer"]


class Tokenizer:
    """A vocabulary: `name` is ``"world"``, ``"bytes"``, or the path of a file, the official text form or a
    ``tokenizer.json``. The one of a model is :attr:`wkv7.Model.tokenizer`. May be used from any number of threads at
    once.

    >>> tokenizer = Tokenizer("world")
    >>> tokenizer.encode("Hello, world")
    [33155, 45, 40213]
    >>> tokenizer.decode([33155, 45, 40213])
    'Hello, world'
    """

    __slots__ = ("__weakref__", "_p")

    def __init__(self, name: str | os.PathLike[str] = "world") -> None:
        text = os.fspath(name).encode()
        out = ffi.new("wkv7_tokenizer **")
        check(lib.wkv7_tokenizer_open(text, len(text), out))
        self._p = ffi.gc(out[0], lib.wkv7_tokenizer_free)

    @classmethod
    def _of(cls, model: Any) -> Tokenizer:
        out = ffi.new("wkv7_tokenizer **")
        check(lib.wkv7_model_tokenizer(model, out))
        made = cls.__new__(cls)
        made._p = ffi.gc(out[0], lib.wkv7_tokenizer_free)
        return made

    def __repr__(self) -> str:
        return f"<wkv7.Tokenizer of {self.size} tokens>"

    @property
    def size(self) -> int:
        """One more than the largest token of the vocabulary."""
        out = ffi.new("size_t *")
        check(lib.wkv7_tokenizer_size(self._p, out))
        return int(out[0])

    @property
    def end_of_text(self) -> int | None:
        """The token that ends a text; None where there is none."""
        out = ffi.new("int64_t *")
        check(lib.wkv7_tokenizer_end_of_text(self._p, out))
        return int(out[0]) if out[0] >= 0 else None

    def encode(self, text: str | bytes) -> list[int]:
        """The tokens of a text, which may be any bytes, except where a ``tokenizer.json`` wants UTF-8."""
        data = text.encode() if isinstance(text, str) else bytes(text)
        # No token stands for less than a byte, save where a tokenizer.json adds some.
        tokens, count = ffi.new("uint32_t[]", len(data) + 16), ffi.new("size_t *", len(data) + 16)
        status = lib.wkv7_tokenizer_encode(self._p, data, len(data), tokens, count)
        if status == lib.WKV7_ERR_BUFFER:
            tokens = ffi.new("uint32_t[]", count[0])
            status = lib.wkv7_tokenizer_encode(self._p, data, len(data), tokens, count)
        check(status)
        return list(ffi.unpack(tokens, count[0]))

    def decode_bytes(self, tokens: Tokens) -> bytes:
        """The bytes of tokens, joined; they may begin or end inside a character."""
        given, count = as_tokens(tokens)
        length = ffi.new("size_t *")
        check(lib.wkv7_tokenizer_decode(self._p, given, count, ffi.NULL, length))
        buffer = ffi.new("char[]", length[0] + 1)
        check(lib.wkv7_tokenizer_decode(self._p, given, count, buffer, length))
        return bytes(ffi.buffer(buffer, length[0]))

    def decode(self, tokens: Tokens, errors: str = "replace") -> str:
        """The text of tokens; `errors` says what becomes of half a character, as in :meth:`bytes.decode`."""
        return self.decode_bytes(tokens).decode("utf-8", errors)

    def token(self, token: int) -> bytes:
        """The bytes that a token stands for; none for the end of text and other special tokens."""
        data, length = ffi.new("char **"), ffi.new("size_t *")
        check(lib.wkv7_tokenizer_token(self._p, token, data, length))
        return bytes(ffi.buffer(data[0], length[0])) if length[0] else b""

    def decoder(self) -> Decoder:
        """A decoder of tokens that come one at a time."""
        return Decoder(self)

    def decode_stream(self, tokens: Iterable[int]) -> Iterator[str]:
        """The text of tokens as they come, in whole characters.

        >>> tokenizer = Tokenizer("bytes")
        >>> list(tokenizer.decode_stream(tokenizer.encode("né")))
        ['n', 'é']
        """
        decoder = self.decoder()
        for token in tokens:
            if text := decoder.push(token):
                yield text
        if text := decoder.finish():
            yield text


class Decoder:
    """Turns tokens into text as they come; no character is cut. For one thread at a time."""

    __slots__ = ("_length", "_p", "_text", "_turns")

    def __init__(self, tokenizer: Tokenizer) -> None:
        out = ffi.new("wkv7_decoder **")
        check(lib.wkv7_decoder_new(tokenizer._p, out))
        self._p = ffi.gc(out[0], lib.wkv7_decoder_free)
        self._text, self._length = ffi.new("char **"), ffi.new("size_t *")
        self._turns = Turns("decoder")

    def push(self, token: int) -> str:
        """Takes the next token; returns the text that is certain now, often none."""
        with self._turns.mine():
            check(lib.wkv7_decoder_push(self._p, token, self._text, self._length))
            return self._certain()

    def finish(self) -> str:
        """Ends the text: half a character becomes U+FFFD, and the decoder is as new."""
        with self._turns.mine():
            check(lib.wkv7_decoder_finish(self._p, self._text, self._length))
            return self._certain()

    def _certain(self) -> str:
        return bytes(ffi.buffer(self._text[0], self._length[0])).decode("utf-8")
