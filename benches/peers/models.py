"""The model files of a comparison: made when first asked for, kept for the next run."""
import argparse
import re
import subprocess
import sys

import make_model

# What `wkv7 convert` writes by llama.cpp's conventions: norms, vectors and the decay's net F32, thin matrices plain.
TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q5_1", "q4_k", "q6_k")


def known(name):
    """A published size, or a trial size as LAYERSxCHANNELS."""
    if name not in make_model.SIZES and not re.fullmatch(r"[1-9]\d*x[1-9]\d*", name):
        sizes = ", ".join(make_model.SIZES)
        raise argparse.ArgumentTypeError(f"no model size {name}, expected one of {sizes}, or as 2x256")
    return name


def safetensors(folder, name, seed, sparsity):
    """The bf16 safetensors file that all others are made of."""
    path = folder / f"{name}-seed{seed}-sparsity{sparsity}.safetensors"
    if not path.exists():
        if name in make_model.SIZES:
            size = ["--size", name]
        else:
            layers, channels = name.split("x")
            size = ["--layers", layers, "--channels", channels]
        run([sys.executable, make_model.__file__, path, *size, "--seed", seed, "--ffn-sparsity", sparsity])
    return path


def gguf(wkv7, source, dtype):
    """The file that both engines read."""
    path = source.with_name(f"{source.stem}-{dtype}.gguf")
    if not path.exists():
        run([wkv7, "convert", source, path, "--dtype", dtype, "--vocab", "world"])
    return path


def run(words):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
