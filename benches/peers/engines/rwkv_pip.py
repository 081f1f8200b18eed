#!/usr/bin/env python3
"""The official `rwkv` package on torch, on the CPU; the command line is that of driver.py.

MODEL is a .pth file; where only the .safetensors beside it exists, the .pth is written first.
"""
import importlib.metadata
import json
import os
import pathlib
import struct

# Read by the package when it is imported.
os.environ.update(RWKV_V7_ON="1", RWKV_JIT_ON="1", RWKV_CUDA_ON="0")

import numpy as np
import torch
from rwkv.model import RWKV

import driver

STRATEGIES = {"f32": "cpu fp32", "bf16": "cpu bf16", "f16": "cpu fp16"}


class Rwkv:
    """A model loaded by the package."""

    def __init__(self, path, threads, dtype):
        path = pathlib.Path(path)
        write_pth(path.with_suffix(".safetensors"), path)
        torch.set_num_threads(threads)
        self.model = RWKV(model=str(path.with_suffix("")), strategy=STRATEGIES[dtype])
        self.vocab = self.model.args.vocab_size
        self.state = None

    def feed(self, tokens):
        """Logits [vocab] after the last token."""
        logits, self.state = self.model.forward(list(tokens), self.state)
        return logits.float().numpy()

    def reset(self):
        """Back to an empty state."""
        self.state = None

    def describe(self):
        """Versions and the CPU features torch uses."""
        version = f"rwkv {importlib.metadata.version('rwkv')}, torch {torch.__version__}"
        return {"name": "rwkv", "version": version, "features": torch.backends.cpu.get_cpu_capability()}


def write_pth(source, path):
    """Writes a bf16 safetensors file as .pth, unless that is there."""
    if path.exists():
        return
    with open(source, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    data, tensors = np.memmap(source, np.uint8, "r", 8 + length), {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        numbers = torch.from_numpy(data[begin:end].copy()).view(torch.bfloat16)
        tensors[name] = numbers.reshape(entry["shape"])
    partial = path.with_name(path.name + ".tmp")
    torch.save(tensors, partial)
    partial.replace(path)  # appears when it is whole


if __name__ == "__main__":
    driver.main(lambda path, threads, batch, dtype: Rwkv(path, threads, dtype), __doc__)
