"""A chat in the terminal: ``python chat.py MODEL [--think off] [--state FILE]``.

An empty line or end of file ends it; Ctrl-C ends an answer.
"""

from __future__ import annotations

import argparse

import wkv7


def main() -> None:
    parser = argparse.ArgumentParser(description="Chat with a model.")
    parser.add_argument("model", help="checkpoint, whatever its format")
    parser.add_argument("--family", default="g1", help="g1 or world")
    parser.add_argument("--think", default="off", help="plain, off, fake, think, bit, some or lot")
    parser.add_argument("--max-tokens", type=int, default=1000, help="of an answer")
    parser.add_argument("--seed", type=int, help="to repeat a chat")
    parser.add_argument("--state", help="where to save the state at the end")
    options = parser.parse_args()

    chat = wkv7.Chat(family=options.family, think=options.think)
    with wkv7.Model(options.model) as model, model.session() as session:
        sampler = wkv7.Sampler(model, seed=options.seed)
        begun = False
        while text := ask():
            session.feed_text(chat.turn(text) if begun else chat.render([("user", text)]))
            begun = True
            generation = session.generate(sampler, max_tokens=options.max_tokens, stop=chat.stops)
            with generation:
                try:
                    for piece in generation:
                        print(piece.text, end="", flush=True)
                except KeyboardInterrupt:
                    print(" ...", end="")
            done = generation.result
            print(f"\n[{done.tokens} tokens, {done.tokens / max(done.seconds, 1e-9):.1f} a second]")
        if options.state:
            session.save(options.state)


def ask() -> str:
    """A line of the user; empty at the end."""
    try:
        return input("> ").strip()
    except EOFError:
        return ""


if __name__ == "__main__":
    main()
