#!/usr/bin/env python3
"""Trains a model in torch on the CPU, in f32 or with autocast to bf16, on command: one line in, one line of JSON out.

    torch_train.py WEIGHTS --wkv chunk --threads 2 --context 512 --batch 8

    about                   what this is
    check GRADIENTS LOSS    compares gradients of the first batch, and its loss, with those of another engine
    steps N                 seconds and losses of the next N steps
    memory                  the most memory that the process has had in use

WEIGHTS and GRADIENTS are safetensors files of f32 with the official names.
"""
import argparse
import json
import pathlib
import sys
import time

import numpy as np
import torch

import torch_rwkv7
import torch_wkv

# Those of crates/train/examples/speed.
RATE, WEIGHT_DECAY, MOST_NORM = 6e-4, 0.001, 1.0


def read(path):
    """The tensors of a safetensors file that holds f32 alone."""
    data = np.fromfile(path, np.uint8)
    begin = 8 + int(data[:8].view("<u8")[0])
    header = json.loads(data[8:begin].tobytes())
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: {name} is {entry['dtype']}, expected F32")
        first, last = entry["data_offsets"]
        values = data[begin + first:begin + last].copy().view("<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values)
    return tensors


class Stream:
    """Batches of token ids without a pattern, as the other engine draws them."""

    def __init__(self, vocab, batch, context):
        self.value, self.vocab, self.shape = 1, vocab, (batch, context + 1)

    def next(self):
        ids = np.empty(self.shape, np.int64)
        for place in range(ids.size):
            self.value = (self.value * 1103515245 + 12345) % 2 ** 31
            ids.flat[place] = (self.value >> 8) % self.vocab
        ids = torch.from_numpy(ids)
        return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


class Engine:
    def __init__(self, args):
        self.args = args
        tensors = read(args.weights)
        wkv = torch_wkv.loop if args.wkv == "loop" else torch_wkv.chunked(args.chunk)
        self.stream = Stream(len(tensors["emb.weight"]), args.batch, args.context)
        self.model = torch_rwkv7.Model(tensors, wkv, args.compile)
        self.optimizer = torch_rwkv7.optimizer(self.model, RATE, WEIGHT_DECAY)

    def about(self):
        form = "loop over tokens" if self.args.wkv == "loop" else f"chunks of {self.args.chunk}"
        compiled = ", compiled" if self.args.compile else ""
        features = f"{torch.backends.cpu.get_cpu_capability()}, MKL {torch.backends.mkl.is_available()}"
        return {"name": f"torch, {form}{compiled}", "version": torch.__version__, "features": features}

    def gradients(self, inputs, targets):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.args.precision == "bf16"):
            loss = self.model(inputs, targets)
        loss.backward()
        return loss

    def check(self, path, loss):
        """The largest relative differences: of the loss, and of any tensor's gradient in the Euclidean norm."""
        own = self.gradients(*self.stream.next()).item()
        worst = (0.0, "")
        other = read(path)
        for name, tensor in self.model.named().items():
            mine = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            theirs = other.pop(name)
            size = max(theirs.norm().item(), mine.norm().item())
            if size > 0:
                worst = max(worst, ((mine - theirs).norm().item() / size, name))
        if other:
            raise ValueError(f"{path}: gradients of unknown tensors: {sorted(other)}")
        return {"loss": abs(own - loss) / abs(loss), "gradient": worst[0], "tensor": worst[1]}

    def steps(self, count):
        seconds, losses = [], []
        for _ in range(count):
            batch = self.stream.next()
            begin = time.perf_counter()
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.gradients(*batch)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), MOST_NORM)
            self.optimizer.step()
            seconds.append(time.perf_counter() - begin)
            losses.append(loss.item())
        return {"seconds": seconds, "losses": losses}


def memory():
    lines = pathlib.Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (peak,) = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return {"peak_bytes": peak}


def serve(engine):
    for line in sys.stdin:
        word, *rest = line.rstrip("\n").split(" ")
        if word == "about":
            answer = engine.about()
        elif word == "check":
            answer = engine.check(rest[0], float(rest[1]))
        elif word == "steps":
            answer = engine.steps(int(rest[0]))
        elif word == "memory":
            answer = memory()
        else:
            raise ValueError(f"no command {word}")
        print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=pathlib.Path)
    parser.add_argument("--wkv", choices=("loop", "chunk"), default="chunk")
    parser.add_argument("--chunk", type=int, default=32, help="tokens of a chunk")
    parser.add_argument("--compile", action="store_true", help="with torch.compile, which needs a C++ compiler")
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32", help="bf16: autocast")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--batch", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # moments fade to numbers on which processors are slow
    serve(Engine(args))


if __name__ == "__main__":
    main()
