#!/usr/bin/env python3
"""Compares the speed of training with that of PyTorch on the CPU: the same model, batches and threads, in turns.

`cargo xtask bench train` calls this with an environment that has the packages of requirements-train.txt; by hand:

    python train.py --speed target/release/examples/speed --folder target/train --sizes 6x256

torch runs RWKV-7 in several forms, of which the fastest counts: the recurrence as a loop over tokens, as matrix products
over chunks, and the latter with torch.compile. First the loss and every gradient of each form must agree with ours.
Then the engines take turns, each in a process that stays: some steps of ours, some of each form, and the machine's
f32 ceiling, round after round. A form that takes three times as long as another for its first step is timed in
the first round alone. Writes train.json and train.md; `benches/record` keeps those worth keeping.

The loop keeps every state for the way back: 7 GB for 6x256, more than 20 for 12x384 (`--forms chunk,compiled --add`
measures that size without it). Compiling takes a minute or two the first time.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

import machine
import train_report

HERE = pathlib.Path(__file__).resolve().parent
FORMS = {"loop": ("--wkv", "loop"), "chunk": ("--wkv", "chunk"), "compiled": ("--wkv", "chunk", "--compile")}
# Relative, of the loss and of each tensor's gradient; what bf16 rounds, both round differently.
MOST_APART = {"f32": (1e-4, 1e-4), "bf16": (1e-2, 0.2)}
# What is recorded with the figures.
ASKED = ("sizes", "forms", "chunk", "vocab", "context", "batch", "threads", "rounds", "steps", "seed", "precision")


class Engine:
    """A process that answers a line with a line of JSON."""

    def __init__(self, *words, env=None):
        self.words = [str(word) for word in words]
        self.process = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True, env=env
        )

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise subprocess.CalledProcessError(self.process.wait(), self.words)
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def spent(self):
        """Core seconds that it has used; 0 where there is no /proc."""
        try:
            stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return 0.0
        return sum(map(int, stat.rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


class Case:
    """One model, and the engines that train it."""

    def __init__(self, args, size):
        self.args, self.size = args, size
        self.counts = ("--context", args.context, "--batch", args.batch, "--threads", args.threads,
                       "--precision", args.precision)

    def ours(self):
        layers, channels = self.size.split("x")
        given = ("--vocab", self.args.vocab, "--seed", self.args.seed, "--serve")
        return Engine(self.args.speed, layers, channels, *self.counts, *given)

    def theirs(self, form, weights):
        # Large tensors come and go with every operation: memory that is given back each time is cleared by the system
        # each time, which costs torch a good part of its speed.
        keep = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(64 << 20)}
        script = HERE / "engines" / "torch_train.py"
        words = (sys.executable, script, weights, *FORMS[form], "--chunk", self.args.chunk, *self.counts)
        return Engine(*words, env={**os.environ, **keep})

    def run(self):
        """All that is found out about it."""
        weights, gradients = (self.args.folder / f"{self.size}.{what}.safetensors" for what in ("weights", "gradients"))
        with self.ours() as engine:
            about = engine.ask("about")
            engine.ask("weights", weights)
            loss = engine.ask("gradients", gradients)["loss"]
        with self.ours() as ceiling, self.ours() as ours:
            engines = {"wkv7": ours, **{form: self.theirs(form, weights) for form in self.args.forms}}
            abouts, agreement = {"wkv7": about}, {}
            for form in self.args.forms:
                abouts[form] = engines[form].ask("about")
                agreement[form] = self.agreed(form, engines[form].ask("check", gradients, loss))
            runs, ceilings = self.rounds(engines, ceiling)
            memory = {name: engine.ask("memory") for name, engine in engines.items()}
            for form in self.args.forms:
                engines[form].__exit__()
        return {"size": self.size, "abouts": abouts, "agreement": agreement, "ceilings": ceilings, "runs": runs,
                "memory": memory}

    def agreed(self, form, apart):
        print(f"{self.size}, {form}: loss apart by {apart['loss']:.1e}, gradients by {apart['gradient']:.1e} at most "
              f"({apart['tensor']})", flush=True)
        loss, gradient = MOST_APART[self.args.precision]
        if not (apart["loss"] <= loss and apart["gradient"] <= gradient):
            sys.exit(f"error: wkv7 and torch ({form}) compute different things; nothing was timed")
        return apart

    def rounds(self, engines, ceiling):
        first = {}
        for name, engine in engines.items():  # what is allocated or compiled is there then
            (first[name],) = engine.ask("steps", 1)["seconds"]
            print(f"{self.size}, {name}: {first[name]:.2f} s for a first step", flush=True)
        slow = {name for name in self.args.forms if first[name] > 3 * min(first[form] for form in self.args.forms)}
        runs, ceilings = [], []
        for number in range(self.args.rounds):
            for name, engine in engines.items():
                if name in slow and number:
                    continue
                steps = 1 if name in slow else self.args.steps
                run = {"engine": name, "round": number + 1, **timed(engine, steps)}
                runs.append(run)
                print(train_report.line(self.size, run, self.args.batch * self.args.context), flush=True)
            ceilings.append(ceiling.ask("ceiling")["fma_flops"])
        return runs, ceilings


def timed(engine, steps):
    """The seconds of some steps, and how many cores other programs kept busy meanwhile."""
    begin = time.perf_counter(), machine.busy_seconds(), engine.spent()
    found = engine.ask("steps", steps)
    others = None
    if begin[1] is not None:
        others = machine.busy_seconds() - begin[1] - (engine.spent() - begin[2])
        others = max(0.0, others / (time.perf_counter() - begin[0]))
    return {**found, "others_busy_cores": others}


def command(args):
    """How to ask for the same again."""
    words = ["cargo xtask bench train"]
    for name in ASKED:
        value = getattr(args, name)
        words.append(f"--{name} {','.join(value) if isinstance(value, list) else value}")
    return " ".join(words)


def one_of(known, what):
    """A parser of comma-separated words."""

    def parse(text):
        words = text.split(",")
        for word in words:
            if not known(word):
                raise argparse.ArgumentTypeError(f"no {what} {word}")
        return words

    return parse


def is_size(word):
    layers, _, channels = word.partition("x")
    return layers.isdigit() and channels.isdigit() and int(layers) > 0 and int(channels) > 0


def positive(word):
    if not word.isdigit() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, found {word}")
    return int(word)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=pathlib.Path, required=True, help="our program: the example `speed`")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where weights are kept")
    parser.add_argument("--out", type=pathlib.Path, help="where train.json and train.md go [default: the folder]")
    parser.add_argument("--sizes", type=one_of(is_size, "size"), default=["6x256", "12x384"],
                        help="LAYERSxCHANNELS, comma-separated")
    parser.add_argument("--forms", type=one_of(FORMS.__contains__, "form"), default=list(FORMS), help="those of torch")
    parser.add_argument("--chunk", type=positive, default=32, help="tokens of torch's chunks; 16 and 64 are slower")
    parser.add_argument("--vocab", type=positive, default=4096)
    parser.add_argument("--context", type=positive, default=512, help="tokens of a sequence")
    parser.add_argument("--batch", type=positive, default=8, help="sequences of a step")
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--steps", type=positive, default=2, help="of each engine in a round")
    parser.add_argument("--seed", type=int, default=1, help="of the weights")
    parser.add_argument("--precision", choices=tuple(MOST_APART), default="f32",
                        help="what factors of products are rounded to: wkv7's --precision, torch's autocast")
    parser.add_argument("--add", action="store_true", help="keep other sizes of the train.json that is there")
    args = parser.parse_args()
    args.speed = args.speed.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    out = args.out or args.folder
    out.mkdir(parents=True, exist_ok=True)
    old = json.loads((out / "train.json").read_text()) if args.add else {"cases": []}
    if old.get("asked", {}).get("precision", "f32") != args.precision and args.add:
        sys.exit(f"error: the train.json that is there was not made with --precision {args.precision}")
    try:
        cases = [Case(args, size).run() for size in args.sizes]
    except subprocess.CalledProcessError as error:  # what went wrong it has said itself
        sys.exit(f"error: `{' '.join(map(str, error.cmd))}` ended with status {error.returncode}")
    kept = [case for case in old["cases"] if case["size"] not in args.sizes]
    args.sizes = [case["size"] for case in kept] + args.sizes
    args.forms = [form for form in FORMS if any(form in case["agreement"] for case in kept + cases)]
    record = {
        "command": command(args),
        "date": datetime.date.today().isoformat(),
        "machine": {"cpu": machine.cpu(), "cores": os.cpu_count()},
        "commit": machine.commit(),
        "asked": {name: getattr(args, name) for name in ASKED},
        "cases": kept + cases,
    }
    record["rows"] = train_report.rows(record)
    (out / "train.json").write_text(json.dumps(record, indent=1) + "\n")
    page = train_report.markdown(record)
    (out / "train.md").write_text(page)
    print(f"\n{page}\nwrote {out / 'train.json'} and {out / 'train.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
