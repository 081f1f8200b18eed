"""Conversations as the text that models were trained on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from ._native import check, ffi, lib, two_call_text

__all__ = ["Chat", "Message", "Role"]


class Role(IntEnum):
    """Who speaks."""

    SYSTEM = 0
    """Whoever set the model its task."""
    USER = 1
    """Whoever asks."""
    ASSISTANT = 2
    """The model."""
    TOOL = 3
    """A function's output."""


class Message(NamedTuple):
    """One turn of a conversation."""

    role: Role | str
    """Who speaks: a role or its name in lower case."""
    text: str
    """What is said."""


class Chat:
    """How a conversation becomes text.

    :param family: the family of the model: ``"g1"`` or ``"world"``.
    :param think: how the next answer thinks: ``"plain"``, ``"off"``, ``"fake"``, ``"think"``, ``"bit"``, ``"some"`` or
        ``"lot"``.
    :param tools: functions that the model may call, each with a name, and arguments: name, type, optional. The next
        answer is then a call.

    >>> chat = Chat()
    >>> chat.render([("user", "What is a goose?")])
    'User: What is a goose?\\n\\nAssistant:'
    """

    __slots__ = ("_buffers", "_options")

    def __init__(
        self,
        *,
        family: str = "g1",
        think: str = "plain",
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._options = ffi.new("wkv7_chat_options *")
        check(lib.wkv7_chat_options_init(self._options, ffi.sizeof("wkv7_chat_options")))
        given = {"family": family, "think": think, "tools": json.dumps(list(tools)) if tools else ""}
        self._buffers = []
        for name, text in given.items():
            data = text.encode()
            self._buffers.append(ffi.from_buffer("char[]", data))
            setattr(self._options, name, (self._buffers[-1], len(data)))
        self.render(())  # a name that nothing has is refused here

    def render(self, messages: Iterable[Message | tuple[Role | str, str]]) -> str:
        """The whole conversation as text, open for the next answer."""
        made = [_message(*message) for message in messages]
        structs = ffi.new("wkv7_message[]", [struct for struct, _ in made])
        return two_call_text(lib.wkv7_chat_render, self._options, structs, len(made))

    def turn(self, message: Message | tuple[Role | str, str] | str) -> str:
        """What to feed to a session after an answer that ended at a stop text or the end of text: the next message, the
        user's where only its text is given, open for the next answer."""
        struct, _buffer = _message(*((Role.USER, message) if isinstance(message, str) else message))
        return two_call_text(lib.wkv7_chat_turn, self._options, ffi.new("wkv7_message *", struct))

    @property
    def stops(self) -> list[str]:
        """The texts at which an answer ends, for :meth:`wkv7.Session.generate`."""
        found: list[str] = []
        while text := two_call_text(lib.wkv7_chat_stop, self._options, len(found)):
            found.append(text)
        return found

    def answer(self, generated: str) -> str:
        """What was said in a generated answer, without the thinking: what a later :meth:`render` wants as the
        assistant's message."""
        data = generated.encode()
        return two_call_text(lib.wkv7_chat_answer, self._options, data, len(data))


def _message(role: Role | str, text: str) -> tuple[Any, Any]:
    """A message for the library, and what must live as long."""
    if not isinstance(role, Role):
        names = [known.name.lower() for known in Role]
        if role not in names:
            raise ValueError(f"no role `{role}`, expected one of: {', '.join(names)}")
        role = Role[role.upper()]
    data = text.encode()
    buffer = ffi.from_buffer("char[]", data)
    return ((buffer, len(data)), int(role)), buffer
