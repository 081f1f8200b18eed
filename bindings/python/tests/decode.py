"""``decode.py N``: the seconds that N greedy decode steps take, the fastest of three runs."""

from __future__ import annotations

import os
import sys
import time

import wkv7


def run(model: wkv7.Model, steps: int) -> float:
    with model.session() as session:
        session.feed_text("Once upon a time")
        sampler = wkv7.Sampler.greedy()
        begun = time.perf_counter()
        for _ in range(steps):
            session.feed(sampler.sample(session))
        return time.perf_counter() - begun


def main() -> None:
    with wkv7.Model(os.environ["WKV7_MODEL"]) as model:
        print(min(run(model, int(sys.argv[1])) for _ in range(3)))


if __name__ == "__main__":
    main()
