"""Vocabularies and chat templates."""

from __future__ import annotations

from pathlib import Path

import pytest

import wkv7


@pytest.fixture(scope="module")
def world() -> wkv7.Tokenizer:
    return wkv7.Tokenizer("world")


@pytest.mark.parametrize("text", ["", "Hello, world!\n", "naïve café, 你好, 🦢", "\0 inside", "a" * 1000])
def test_text_comes_back(world: wkv7.Tokenizer, text: str) -> None:
    tokens = world.encode(text)
    assert world.decode(tokens) == text
    assert "".join(world.decode_stream(tokens)) == text
    assert b"".join(map(world.token, tokens)) == text.encode()


def test_any_bytes_will_do(world: wkv7.Tokenizer) -> None:
    data = bytes(range(256))
    assert world.decode_bytes(world.encode(data)) == data
    with pytest.raises(UnicodeDecodeError):
        world.decode(world.encode(data), errors="strict")


def test_what_the_vocabulary_is(world: wkv7.Tokenizer, model: wkv7.Model) -> None:
    assert world.size == 65530
    assert world.end_of_text == 0
    assert world.token(0) == b""
    assert model.tokenizer is model.tokenizer
    assert model.tokenizer.encode("ab") == [97, 98]
    assert repr(model.tokenizer) == "<wkv7.Tokenizer of 256 tokens>"


def test_no_token_is_refused_in_words(world: wkv7.Tokenizer) -> None:
    with pytest.raises(wkv7.Error, match="65530"):
        world.decode([65530])
    with pytest.raises(wkv7.AccessError, match="no-such-vocabulary"):
        wkv7.Tokenizer(Path("no-such-vocabulary.txt"))


def test_a_decoder_cuts_no_character() -> None:
    decoder = wkv7.Tokenizer("bytes").decoder()
    assert [decoder.push(byte) for byte in "né🦢".encode()] == ["n", "", "é", "", "", "", "🦢"]
    assert decoder.push("🦢".encode()[0]) == ""
    assert decoder.finish() == "\ufffd"
    assert decoder.push(ord("n")) == "n"


def test_a_conversation() -> None:
    chat = wkv7.Chat()
    messages = [wkv7.Message("system", "Be brief."), wkv7.Message(wkv7.Role.USER, "Who are you?")]
    assert chat.render(messages) == "System: Be brief.\n\nUser: Who are you?\n\nAssistant:"
    assert chat.turn("And now?") == chat.turn(("user", "And now?")) == "\n\nUser: And now?\n\nAssistant:"
    assert "\n\nUser:" in chat.stops or "\n\n" in chat.stops


def test_thinking_is_no_answer() -> None:
    chat = wkv7.Chat(think="think")
    assert chat.render([("user", "Why?")]).endswith("Assistant: <think")
    assert chat.answer(">So it is.</think>\nBecause.").strip() == "Because."


def test_tools_are_described() -> None:
    tool = {"name": "weather", "arguments": [{"name": "city", "type": "string"}]}
    text = wkv7.Chat(tools=[tool]).render([("user", "How is it in Graz?")])
    assert "weather" in text
    assert "city" in text


def test_bad_options_are_refused_at_once() -> None:
    with pytest.raises(wkv7.ArgumentError, match="swan"):
        wkv7.Chat(family="swan")
    with pytest.raises(wkv7.ArgumentError, match="never"):
        wkv7.Chat(think="never")
    with pytest.raises(ValueError, match="no role `owl`, expected one of: system, user, assistant, tool"):
        wkv7.Chat().render([("owl", "Hoo")])
