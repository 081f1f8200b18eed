#!/usr/bin/env python3
"""Compares the speed of wkv7 with that of other engines: the same model, threads and token counts, in turns.

`cargo xtask bench peers` calls this with an environment that has the packages of requirements.txt; by hand:

    python compare.py --wkv7 target/release/wkv7 --folder target/peers --models 0.1B --types q8_0

Models are made with random weights (make_model.py) and kept in the folder. First the greedy tokens of the engines
must agree; then each pair measures wkv7 and every peer, each in a process of its own, and the ratios within the pairs
are reported with their spread. The official `rwkv` package (`--with-torch`) reads the same numbers from a .pth and
joins for the types f32 and bf16. Writes peers.json and peers.md; `benches/record` keeps those worth keeping.
"""
import argparse
import datetime
import functools
import json
import pathlib
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "engines"))
import agreement  # noqa: E402
import machine  # noqa: E402
import models  # noqa: E402
import report  # noqa: E402
import wkv7  # noqa: E402

PIP_TYPES = ("f32", "bf16")  # on a CPU the package computes in these
PROMPT = [34, 105, 110]  # where greedy tokens begin
# What is recorded with the figures.
ASKED = ("models", "types", "threads", "pairs", "prefill", "decode", "seed", "ffn_sparsity")


class Peer:
    """Another engine: the driver that runs it, and the file it reads."""

    def __init__(self, name, driver, model, options=()):
        self.name, self.model, self.options = name, model, options
        self.words = [sys.executable, HERE / "engines" / driver]

    def ask(self, what, *options):
        """What the driver prints last."""
        words = [*self.words, what, self.model, *self.options, *options]
        done = subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout.splitlines()[-1])


class Case:
    """One model in one type: our file, and the peers that run it."""

    def __init__(self, args, name, dtype):
        self.model, self.dtype = name, dtype
        source = models.safetensors(args.folder, name, args.seed, args.ffn_sparsity)
        self.file = models.gguf(args.wkv7, source, dtype)
        self.peers = [Peer("llama.cpp", "llama.py", self.file)]
        if args.with_torch and dtype in PIP_TYPES:
            self.peers.append(Peer("rwkv", "rwkv_pip.py", source.with_suffix(".pth"), ("--dtype", dtype)))

    def agree(self, args):
        """How each peer's greedy tokens compare with ours."""
        for peer in self.peers:
            prompt = ",".join(map(str, PROMPT))
            theirs = peer.ask(
                "greedy", "--threads", max(args.threads), "--tokens", args.agree, "--prompt", prompt
            )
            first = np.array(theirs["logits"], np.float32)
            found = agreement.compare(args.wkv7, self.file, self.dtype, PROMPT, first, theirs["tokens"])
            print(f"{self.model} {self.dtype}, {peer.name}: {found}", flush=True)
            if not found.good:
                sys.exit(f"error: wkv7 and {peer.name} compute different things; nothing was timed")
            yield {"model": self.model, "dtype": self.dtype, "peer": peer.name, "text": str(found)}

    def pair(self, args, threads):
        """One measurement of each engine, ours first."""
        runs = {"wkv7": lambda: wkv7.measure(args.wkv7, self.file, threads, args.prefill, args.decode)}
        counts = ("--threads", threads, "--prefill", args.prefill, "--decode", args.decode)
        for peer in self.peers:
            runs[peer.name] = functools.partial(peer.ask, "measure", *counts)
        for engine, run in runs.items():
            with machine.Others() as others:
                found = run()
            case = {"engine": engine, "model": self.model, "dtype": self.dtype, "threads": threads}
            yield {**case, **found, "others_busy_cores": others.cores}


def timed(args, cases):
    """All runs, pair by pair."""
    for case in cases:
        for threads in args.threads:
            for number in range(args.pairs):
                for run in case.pair(args, threads):
                    print(line(run, number + 1), flush=True)
                    yield {**run, "pair": number + 1}


def line(run, pair):
    """A run as it is shown while the comparison goes on."""
    speeds = ", ".join(f"{kind} {report.figure(run[kind])}" for kind in wkv7.KINDS)
    busy = f"; others keep {run['others_busy_cores']:.2f} cores busy" if report.busy(run) else ""
    return f"{run['model']} {run['dtype']}, threads {run['threads']}, pair {pair}, {run['engine']}: {speeds}{busy}"


def compare(args):
    """The whole comparison as one record."""
    cases = [Case(args, name, dtype) for name in args.models for dtype in args.types]
    agreed = [entry for case in cases for entry in case.agree(args)]
    ceilings, about, version = wkv7.ceilings(args.wkv7, cases[0].file, args.threads)
    runs = list(timed(args, cases))
    asked = {name: getattr(args, name) for name in ASKED}
    return {
        "command": command(asked, args.with_torch),
        "date": datetime.date.today().isoformat(),
        "machine": about,
        "version": version,
        "commit": machine.commit(),
        "engines": {run["engine"]: run.pop("about") for run in runs if "about" in run},
        "asked": asked,
        "ceilings": ceilings,
        "agreement": agreed,
        "rows": report.rows(runs, ceilings),
        "runs": runs,
    }


def command(asked, with_torch):
    """How to ask for the same again."""
    words = ["cargo xtask bench peers"]
    for name, value in asked.items():
        words.append(f"--{name.replace('_', '-')} {','.join(map(str, value)) if isinstance(value, list) else value}")
    return " ".join([*words, "--with-torch"] if with_torch else words)


def listed(of):
    """A parser of comma-separated values."""

    def parse(text):
        return [of(word) for word in text.split(",")]

    return parse


def element_type(word):
    if word not in models.TYPES:
        raise argparse.ArgumentTypeError(f"no type {word}, expected some of {', '.join(models.TYPES)}")
    return word


def positive(word):
    if not word.isdigit() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, found {word}")
    return int(word)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wkv7", type=pathlib.Path, required=True, help="the command to measure")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where models are kept")
    parser.add_argument("--out", type=pathlib.Path, help="where peers.json and peers.md go [default: the folder]")
    parser.add_argument("--models", type=listed(models.known), default=["0.1B", "0.4B", "1.5B"],
                        help="published sizes, or LAYERSxCHANNELS")
    parser.add_argument("--types", type=listed(element_type), default=["f16", "bf16", "q8_0", "q4_0", "q4_k"])
    parser.add_argument("--threads", type=listed(positive), default=[1, 2])
    parser.add_argument("--pairs", type=positive, default=5, help="measurements of each engine")
    parser.add_argument("--prefill", type=positive, default=512, help="tokens fed at once")
    parser.add_argument("--decode", type=positive, default=128, help="tokens fed one by one")
    parser.add_argument("--agree", type=positive, default=32, help="greedy tokens compared before")
    parser.add_argument("--seed", type=int, default=1, help="of the weights")
    parser.add_argument("--ffn-sparsity", type=float, default=0.5, help="share of hidden units that are zero")
    parser.add_argument("--with-torch", action="store_true", help="also compare with the official rwkv package")
    args = parser.parse_args()
    args.wkv7 = args.wkv7.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    try:
        record = compare(args)
    except subprocess.CalledProcessError as error:  # what went wrong it has said itself
        sys.exit(f"error: `{' '.join(map(str, error.cmd))}` ended with status {error.returncode}")
    out = args.out or args.folder
    out.mkdir(parents=True, exist_ok=True)
    (out / "peers.json").write_text(json.dumps(record, indent=1) + "\n")
    page = report.markdown(record)
    (out / "peers.md").write_text(page)
    print(f"\n{page}\nwrote {out / 'peers.json'} and {out / 'peers.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
