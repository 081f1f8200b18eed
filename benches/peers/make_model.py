#!/usr/bin/env python3
"""Makes RWKV-7 models of the published sizes with random weights, for measuring speed.

They say nothing sensible, but compute like a trained model: activations, logits and the state stay of order one,
decays are spread from forgetting at once to hardly at all, and `--ffn-sparsity` sets what share of the channel mix's
hidden units is zero at run time (0.5 unless asked; trained models have 0.77 to 0.9).

    make_model.py r7-0.1b.safetensors --size 0.1B
    make_model.py sparse.safetensors --size 0.4B --dtype f16 --ffn-sparsity 0.85
    make_model.py tiny.safetensors --layers 2 --channels 256 --vocab 1000 --check

The file is safetensors under the official names; `wkv7 convert` makes GGUF of it. Every number is drawn from a
stream that depends on the seed and the tensor's name alone, and rounded so that bf16, f16 and f32 files hold equal
numbers. Tensors are made and written in slabs: a model of 3 billion parameters needs some 100 MB of memory.

`--check` runs the made model in float64 over random tokens, with the oracle of `tests/golden`, prints what the
layers do, and fails where the measured sparsity is further than 0.02 from what was asked. Needs numpy.
"""
import argparse
import hashlib
import json
import math
import pathlib
import statistics
import struct
import sys

import numpy as np

# Layers, channels, ranks of the decay, rate, value and gate nets, as in the published checkpoints.
SIZES = {
    "0.1B": (12, 768, (64, 64, 32, 128)),
    "0.4B": (24, 1024, (64, 64, 32, 128)),
    "1.5B": (24, 2048, (96, 96, 64, 256)),
    "2.9B": (32, 2560, (96, 96, 64, 320)),
}
VOCAB = 65536
HEAD_SIZE = 64
SLAB = 1 << 22  # numbers drawn at a time

# How alike the channel mix's inputs of neighbouring tokens are in the last layer, as a correlation: found by
# `--check`. It grows evenly from nothing, as the layers add what all tokens have in common.
LIKENESS = 0.23
BIAS = 0.5  # the size of the biases of `ln2`, beside normalised inputs of variance 1


class Shape:
    """Sizes of a model, and the tensors that follow from them."""

    def __init__(self, layers, channels, vocab, ranks):
        if channels % HEAD_SIZE:
            sys.exit(f"expected channels in multiples of {HEAD_SIZE}, found {channels}")
        self.layers, self.channels, self.vocab, self.ranks = layers, channels, vocab, ranks
        self.heads, self.size, self.ffn = channels // HEAD_SIZE, HEAD_SIZE, 4 * channels

    def tensors(self):
        """Every official name with its shape, in the order of the layers."""
        c, found = self.channels, {"emb.weight": (self.vocab, self.channels)}

        def norm(prefix):
            found[prefix + ".weight"] = found[prefix + ".bias"] = (c,)

        norm("blocks.0.ln0")
        for layer in range(self.layers):
            block = f"blocks.{layer}."
            norm(block + "ln1")
            norm(block + "ln2")
            for leaf in ("x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "k_k", "k_a"):
                found[f"{block}att.{leaf}"] = (1, 1, c)
            for net, rank in zip("wavg", self.ranks):
                if net == "v" and layer == 0:
                    continue  # the first layer's value is what the others blend in
                if net != "g":
                    found[f"{block}att.{net}0"] = (1, 1, c)
                found[f"{block}att.{net}1"], found[f"{block}att.{net}2"] = (c, rank), (rank, c)
            found[block + "att.r_k"] = (self.heads, self.size)
            for leaf in ("receptance", "key", "value", "output"):
                found[f"{block}att.{leaf}.weight"] = (c, c)
            norm(block + "att.ln_x")
            found[block + "ffn.x_k"] = (1, 1, c)
            found[block + "ffn.key.weight"] = (self.ffn, c)
            found[block + "ffn.value.weight"] = (c, self.ffn)
        norm("ln_out")
        found["head.weight"] = (self.vocab, c)
        return found


def rounded(x):
    """f32 numbers that bf16 and f16 hold too: 8 significant bits, and none so small that f16 would lose one."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    bits = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    x = (bits & np.uint32(0xFFFF0000)).view(np.float32)
    x[np.abs(x) < 2.0 ** -17] = 0.0  # below, f16 has fewer than 8 bits left
    return x


def encoded(x, dtype):
    """Rounded numbers as the file holds them."""
    if dtype == "bf16":
        return (x.view(np.uint32) >> np.uint32(16)).astype("<u2")
    return x.astype({"f16": "<f2", "f32": "<f4"}[dtype])


class Model:
    """A model's numbers, made when they are asked for."""

    def __init__(self, shape, seed, sparsity):
        self.shape, self.seed, self.sparsity = shape, seed, sparsity
        self.tensors = shape.tensors()
        # A hidden unit is zero where its pre-activation, a standard normal number less this, is not positive.
        self.threshold = statistics.NormalDist().inv_cdf(sparsity)

    def stream(self, name):
        digest = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))

    def slabs(self, name):
        """The tensor as f32, some rows at a time."""
        shape, stream = self.tensors[name], self.stream(name)
        width = shape[-1]
        rows = math.prod(shape) // width
        draw, scale, centre = self.law(name)
        step = max(1, SLAB // width)
        for begin in range(0, rows, step):
            size = (min(step, rows - begin), width)
            x = getattr(stream, draw)(size, dtype=np.float32)
            yield rounded(x * np.float32(scale) + np.float32(centre))

    def tensor(self, name):
        return np.concatenate(list(self.slabs(name))).reshape(self.tensors[name])

    def law(self, name):
        """How a tensor's numbers are drawn: the kind of draw, its scale, and what is added (a number, or one row).

        The scales follow from variances: a row of n numbers of variance 1/n gives a sum of order one.
        """
        c, normal, uniform = self.shape.channels, "standard_normal", "random"
        lane = np.arange(c) % HEAD_SIZE / (HEAD_SIZE - 1)  # 0 to 1 within each head
        block = 1.2 / math.sqrt(self.shape.layers)  # what a block adds: all of them together, about 1.7
        leaf = name.split(".", 2)[2] if name.startswith("blocks.") else name
        inner = self.tensors[name][0]  # of the second matrix of a net: its rank
        if leaf == "ln2.bias":
            return normal, 0.0, self.constant(name.split(".")[1])
        if leaf == "ffn.key.weight":
            return self.key_law(name.split(".")[1])
        if leaf.startswith("ln") or ".ln_x" in leaf:
            return (normal, 0.1, 1.0) if leaf.endswith("weight") else (normal, 0.05, 0.0)
        if leaf.split(".")[-1].startswith("x_"):
            return uniform, 1.0, 0.0
        return {
            "emb.weight": (normal, 0.5, 0.0),
            "head.weight": (normal, 1.5 / math.sqrt(c), 0.0),
            "att.receptance.weight": (normal, 1.0 / math.sqrt(c), 0.0),
            "att.key.weight": (normal, 0.5 / math.sqrt(c), 0.0),
            "att.value.weight": (normal, 1.0 / math.sqrt(c), 0.0),
            "att.output.weight": (normal, block / math.sqrt(c), 0.0),
            "ffn.value.weight": (normal, block / math.sqrt(self.shape.ffn * self.hidden_square()), 0.0),
            "att.w0": (normal, 0.3, -7.0 + 8.0 * lane),  # decays from 0.64 to 0.9995
            "att.a0": (normal, 0.5, 0.0),
            "att.v0": (normal, 0.3, 0.7),
            "att.w1": (normal, 1.0 / math.sqrt(c), 0.0),
            "att.a1": (normal, 1.0 / math.sqrt(c), 0.0),
            "att.v1": (normal, 1.0 / math.sqrt(c), 0.0),
            "att.g1": (normal, 1.0 / math.sqrt(c), 0.0),
            "att.w2": (normal, 0.5 / math.sqrt(inner), 0.0),
            "att.a2": (normal, 0.5 / math.sqrt(inner), 0.0),
            "att.v2": (normal, 0.5 / math.sqrt(inner), 0.0),
            "att.g2": (normal, 1.9 / math.sqrt(inner), 0.0),  # after a sigmoid, whose mean square is 0.29
            "att.k_k": (normal, 0.1, 0.8),
            "att.k_a": (normal, 0.05, 1.0),
            "att.r_k": (normal, 0.1, 0.0),
        }[leaf]

    def constant(self, layer):
        """`ln2.bias` [channels]: a part that all inputs of this layer's channel mix have in common.

        The token shift blends two inputs and leaves it as it is. Its entries have one size and random signs.
        """
        signs = self.stream(f"blocks.{layer}.ln2.bias").integers(0, 2, self.shape.channels)
        return np.where(signs == 1, BIAS, -BIAS)

    def key_law(self, layer):
        """The channel mix's key: normal rows, less a multiple of the constant part of their input.

        Over the rows, the product with an input is then normal with a variance of |input|^2 / channels, here scaled
        to 1, and a mean of -threshold.
        """
        gain = self.tensor(f"blocks.{layer}.ln2.weight").astype(np.float64)
        x = self.tensor(f"blocks.{layer}.ffn.x_k").astype(np.float64).ravel()
        likeness = LIKENESS * int(layer) / self.shape.layers
        varying = gain ** 2 * ((1 - x) ** 2 + x ** 2 + 2 * x * (1 - x) * likeness)
        scale = 1.0 / math.sqrt(self.shape.channels * (varying.mean() + BIAS ** 2))
        constant = self.constant(layer)
        return "standard_normal", scale, -self.threshold * constant / (constant @ constant)

    def hidden_square(self):
        """Mean square of a hidden unit: E[max(0, z - t)^4] for a standard normal z."""
        t, normal = self.threshold, statistics.NormalDist()
        return (t ** 4 + 6 * t ** 2 + 3) * normal.cdf(-t) - (t ** 3 + 5 * t) * normal.pdf(t)

    def write(self, path, dtype):
        """Writes the model as safetensors."""
        at, header = 0, {"__metadata__": {"format": "pt", "seed": str(self.seed), "ffn_sparsity": str(self.sparsity)}}
        for name, shape in self.tensors.items():
            end = at + math.prod(shape) * (4 if dtype == "f32" else 2)
            header[name] = {"dtype": dtype.upper(), "shape": list(shape), "data_offsets": [at, end]}
            at = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        partial = path.with_name(path.name + ".tmp")
        with open(partial, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for name in self.tensors:
                for slab in self.slabs(name):
                    file.write(encoded(slab, dtype).tobytes())
        partial.replace(path)  # appears when it is whole


def shape_of(args):
    """The shape asked for: a published one, or one given in numbers."""
    if args.size:
        layers, channels, ranks = SIZES[args.size]
    else:
        layers, channels = args.layers, args.channels
        if not layers or not channels:
            sys.exit("give --size, or --layers and --channels")
        # The ranks of the smallest published model that is as wide.
        wider = [ranks for _, width, ranks in SIZES.values() if width >= channels]
        ranks = wider[0] if wider else SIZES["2.9B"][2]
    return Shape(layers, channels, args.vocab, ranks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, help="the safetensors file to write")
    parser.add_argument("--size", choices=SIZES, help="a published size")
    parser.add_argument("--layers", type=int, help="layers of another size")
    parser.add_argument("--channels", type=int, help="channels of another size")
    parser.add_argument("--vocab", type=int, default=VOCAB, help="tokens in the vocabulary")
    parser.add_argument("--dtype", choices=("bf16", "f16", "f32"), default="bf16", help="the type of every tensor")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ffn-sparsity", type=float, default=0.5, help="share of hidden units that are zero")
    parser.add_argument("--check", action="store_true", help="run the model and measure")
    args = parser.parse_args()
    if not 0.0 < args.ffn_sparsity < 1.0:
        parser.error("expected --ffn-sparsity between 0 and 1")
    model = Model(shape_of(args), args.seed, args.ffn_sparsity)
    model.write(args.out, args.dtype)
    count = sum(map(math.prod, model.tensors.values()))
    print(f"{args.out.name}: {count:,} parameters, {args.out.stat().st_size:,} bytes")
    if args.check:
        import model_check

        return 0 if model_check.passes(model) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
