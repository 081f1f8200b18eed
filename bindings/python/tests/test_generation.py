from __future__ import annotations

import gc

import numpy as np
import pytest

import wkv7

STORY = " there was a clever frog named Max. "


def greedy() -> wkv7.Sampler:
    return wkv7.Sampler.greedy()


def test_pieces_come_one_by_one(fed: wkv7.Session) -> None:
    pieces = list(fed.generate(greedy(), max_tokens=len(STORY)))
    assert "".join(piece.text for piece in pieces) == STORY
    assert [piece.token for piece in pieces] == list(STORY.encode())
    assert all(piece.log_probability <= 0 for piece in pieces)
    assert fed.tokens_seen == 16 + len(STORY)


def test_the_log_probability_is_the_models(fed: wkv7.Session) -> None:
    top = fed.top(1)[0]
    with fed.generate(greedy()) as generation:
        piece = next(generation)
    assert piece.token == top.token
    assert piece.log_probability == pytest.approx(top.log_probability, abs=1e-6)


def test_it_stops_at_a_text(fed: wkv7.Session) -> None:
    generation = fed.generate(greedy(), stop=["no such", " named"])
    assert generation.text() == " there was a clever frog"
    result = generation.result
    assert (result.reason, result.stop_index, result.stop_token) == (wkv7.StopReason.TEXT, 1, None)
    assert result.tokens == 24
    assert result.seconds > 0
    assert fed.tokens_seen == 16 + 24, "the stop text is not fed"


def test_a_single_text_will_do(fed: wkv7.Session) -> None:
    assert fed.generate(greedy(), stop="frog").text() == " there was a clever "


def test_it_stops_at_a_token(fed: wkv7.Session) -> None:
    generation = fed.generate(greedy(), stop_tokens=[ord("g")])
    assert generation.text() == " there was a clever fro"
    assert generation.result.reason == wkv7.StopReason.TOKEN
    assert generation.result.stop_token == ord("g")


def test_it_stops_after_enough(fed: wkv7.Session) -> None:
    generation = fed.generate(greedy(), max_tokens=6)
    assert generation.result.reason == wkv7.StopReason.NONE
    assert generation.text() == " there"
    assert generation.result[:4] == (wkv7.StopReason.MAX_TOKENS, None, None, 6)
    assert list(generation) == [], "and stays at its end"


def test_the_session_is_busy_while_it_is_open(fed: wkv7.Session) -> None:
    generation = fed.generate(greedy())
    next(generation)
    for call in (lambda: fed.feed(1), lambda: fed.logits, lambda: fed.state(), lambda: fed.generate()):
        with pytest.raises(wkv7.Busy):
            call()
    generation.close()
    generation.close()
    assert generation.result.tokens == 1
    fed.feed(1)
    assert fed.tokens_seen == 16 + 1 + 1


def test_leaving_the_loop_is_enough(fed: wkv7.Session) -> None:
    for piece in fed.generate(greedy(), stop="frog"):
        if piece.token == ord("w"):
            break
    gc.collect()
    assert fed.tokens_seen == 16 + len(" there w")
    assert fed.generate(greedy(), max_tokens=6).text() == "as a c"


def test_an_exception_leaves_the_session_in_order(fed: wkv7.Session) -> None:
    with pytest.raises(RuntimeError), fed.generate(greedy(), stop="frog") as generation:
        for piece in generation:
            if piece.token == ord("w"):
                raise RuntimeError
    assert fed.tokens_seen == 16 + len(" there w")


def test_a_generation_keeps_its_session(model: wkv7.Model) -> None:
    session = model.session()
    session.feed_text("Once upon a time")
    generation = session.generate(greedy(), max_tokens=len(STORY))
    session.close()
    del session
    gc.collect()
    assert generation.text() == STORY


def test_a_seed_repeats_it(model: wkv7.Model) -> None:
    texts = []
    for seed in (7, 7, 8):
        with model.session() as session:
            session.feed_text("Once upon a time")
            texts.append(session.generate(wkv7.Sampler(model, seed=seed), max_tokens=60).text())
    assert texts[0] == texts[1] != texts[2]


def test_by_hand_is_the_same(model: wkv7.Model, fed: wkv7.Session) -> None:
    tokens = [piece.token for piece in fed.fork().generate(greedy(), max_tokens=32)]
    sampler, found = greedy(), []
    for _ in range(32):
        found.append(sampler.sample(fed))
        fed.feed(found[-1])
    assert found == tokens


def test_whole_characters(model: wkv7.Model) -> None:
    with model.session() as session:
        session.feed_text("Once upon a time")
        # Every other token is banned, so that é is all there is.
        odd = wkv7.Sampler(
            temperature=0, presence=1000, frequency=0, banned=[t for t in range(256) if t not in (195, 169)]
        )
        pieces = list(session.generate(odd, max_tokens=2))
    assert [piece.token for piece in pieces] in ([195, 169], [169, 195])
    assert "".join(piece.text for piece in pieces) in ("é", "\ufffd\ufffd")


def test_a_busy_sampler_does_not_end_it(model: wkv7.Model, fed: wkv7.Session) -> None:
    sampler = greedy()
    with fed.generate(sampler, max_tokens=3) as generation:
        assert next(generation).text == " "
        assert sampler.sample(np.eye(1, 256, 5, dtype=np.float32)) == 5, "shared, between two pieces"
        assert generation.text() == "th"
