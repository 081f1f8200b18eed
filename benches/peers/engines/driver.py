"""What the drivers of other engines have in common: their command line, and how speed is measured.

A driver is a program of its own, so that each measurement begins in a fresh process:

    llama.py measure MODEL --threads 2 --prefill 512 --decode 128    speeds, in tokens per second
    llama.py greedy MODEL --prompt 34,105,110 --tokens 32            tokens chosen and the first logits

Both print one line of JSON as the last of their output.
"""
import argparse
import json
import time

WARM_UP = 16  # single tokens decoded before the clock starts


def tokens(count, vocab):
    """Token ids without a pattern, the same in every run and every engine."""
    ids, value = [], 1
    for _ in range(count):
        value = (value * 1103515245 + 12345) % 2 ** 31
        ids.append((value >> 8) % vocab)
    return ids


def speeds(engine, prefill, decode):
    """Tokens per second, each kind once untimed and once timed, from an empty state."""
    prompt, single = tokens(prefill, engine.vocab), tokens(decode, engine.vocab)

    def run(groups):
        engine.reset()
        begin = time.perf_counter()
        for group in groups:
            engine.feed(group)
        return sum(map(len, groups)) / (time.perf_counter() - begin)

    found = {}
    if prefill:
        run([prompt])
        found["prefill"] = run([prompt])
    if decode:
        run([[token] for token in single[:WARM_UP]])
        found["decode"] = run([[token] for token in single])
    return found


def greedy(engine, prompt, count):
    """The logits after the prompt, and the tokens chosen from there."""
    logits = first = engine.feed(prompt)
    chosen = []
    for _ in range(count):
        chosen.append(int(logits.argmax()))
        logits = engine.feed(chosen[-1:])
    return first, chosen


def main(load, description):
    """The command line of a driver; `load(path, threads, batch, dtype)` opens a model."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "greedy"))
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", help="the type to compute in, where the engine has a choice")
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=128)
    parser.add_argument("--prompt", type=lambda text: [int(t) for t in text.split(",")], default=[34, 105, 110])
    parser.add_argument("--tokens", type=int, default=32)
    args = parser.parse_args()
    begin = time.perf_counter()
    engine = load(args.model, args.threads, max(args.prefill, len(args.prompt), 1), args.dtype)
    loaded = time.perf_counter() - begin
    if args.what == "measure":
        found = speeds(engine, args.prefill, args.decode)
        found.update(load_seconds=loaded, about=engine.describe())
    else:
        first, chosen = greedy(engine, [token % engine.vocab for token in args.prompt], args.tokens)
        found = {"tokens": chosen, "logits": [float(x) for x in first]}
    print(json.dumps(found))
