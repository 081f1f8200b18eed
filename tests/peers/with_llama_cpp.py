#!/usr/bin/env python3
"""Compares wkv7 with llama.cpp on GGUF files, both ways.

For each model: `wkv7 convert` writes it as GGUF in F32 (a .gguf is taken as it is), llama.cpp loads that
file and continues a prompt greedily; then `wkv7 logits` is given the same tokens, and at every place its
largest logit must be llama.cpp's choice. With `--world`, the vocabulary inside the file must also cut a
text with every kind of byte into the same tokens.

Not run by the test command, because it needs llama.cpp (built for minutes) and numpy:

    python3 -m venv env && env/bin/pip install llama-cpp-python==0.3.36 numpy
    cargo build --release
    env/bin/python tests/peers/with_llama_cpp.py --wkv7 target/release/wkv7 model.safetensors other.gguf

Block types are compared by the distance of the logits alone: llama.cpp rounds activations to 8 bits for them.
"""
import argparse
import ctypes
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import llama_cpp as llama
import numpy as np

TEXT = "Hello, \"world\"!\n\n\tIt's 2 * 21 = 42 \\ done. Größe, 测试, ✿, \x00 \x7f <s> [PAD65530] 🦀\r\n" * 2

# Relative L2 distance of the first logits. Plain files differ by the order of sums; F16 and BF16 also by the
# rounding of activations to that type, block types by their rounding to 8 bits.
BOUNDS = {"f32": 1e-5, "f16": 5e-3, "bf16": 3e-2, "q8_0": 5e-2, "q4_0": 2e-1, "q5_1": 5e-2, "q4_k": 5e-2, "q6_k": 5e-2}

QUIET = llama.llama_log_callback(lambda level, text, data: None)  # kept alive: C calls it


class Peer:
    """A model loaded by llama.cpp."""

    def __init__(self, path):
        model = llama.llama_model_default_params()
        model.n_gpu_layers = 0
        self.model = llama.llama_model_load_from_file(str(path).encode(), model)
        if not self.model:
            sys.exit(f"{path}: llama.cpp does not load it")
        context = llama.llama_context_default_params()
        context.n_ctx = context.n_batch = 1024
        self.context = llama.llama_init_from_model(self.model, context)
        self.vocabulary = llama.llama_model_get_vocab(self.model)
        self.vocab = llama.llama_vocab_n_tokens(self.vocabulary)

    def feed(self, tokens):
        """Logits after the last token."""
        batch = llama.llama_batch_get_one((llama.llama_token * len(tokens))(*tokens), len(tokens))
        if llama.llama_decode(self.context, batch) != 0:
            sys.exit("llama.cpp does not decode")
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self.context, -1), (self.vocab,)).copy()

    def greedy(self, prompt, count):
        """The first logits, and the tokens chosen."""
        logits = first = self.feed(prompt)
        chosen = []
        for _ in range(count):
            chosen.append(int(logits.argmax()))
            logits = self.feed(chosen[-1:])
        return first, chosen

    def tokenize(self, raw):
        out = (llama.llama_token * (len(raw) + 8))()
        count = llama.llama_tokenize(self.vocabulary, raw, len(raw), out, len(out), False, False)
        return list(out[:count])

    def close(self):
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)


def logits_of(wkv7, path, tokens, folder):
    """Logits [tokens, vocab] by `wkv7 logits`."""
    out = folder / "logits.safetensors"
    ids = ",".join(map(str, tokens))
    subprocess.run([wkv7, "logits", path, "--tokens", ids, "--all", "--output", out], check=True)
    raw = out.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    entry = json.loads(raw[8 : 8 + length])["logits"]
    begin, end = entry["data_offsets"]
    return np.frombuffer(raw[8 + length + begin : 8 + length + end], "<f4").reshape(entry["shape"])


def cut_alike(wkv7, path, peer):
    """Whether both cut a text into the same tokens, and wkv7 joins them again."""

    def run(*words, **kwargs):
        return subprocess.run([wkv7, *words, "--model", path], check=True, capture_output=True, **kwargs).stdout

    # llama.cpp finds the names of control tokens in a text; to wkv7 they are letters.
    text = TEXT.replace("<s>", "< s>").replace("[PAD", "[ PAD").encode()
    ids = json.loads(run("tokenize", "--json", input=text))["ids"]
    return ids == peer.tokenize(text) and run("detokenize", *map(str, ids)).rstrip(b"\n") == text.rstrip(b"\n")


def compare(args, path, dtype, folder):
    """One model in one type; whether all agrees."""
    if path.suffix == ".gguf" and dtype == "as it is":
        file = path
    else:
        file = folder / f"{path.stem}-{dtype}.gguf"
        subprocess.run([args.wkv7, "convert", path, file, "--dtype", dtype], check=True, stdout=subprocess.DEVNULL)
    peer = Peer(file)
    prompt = [token % peer.vocab for token in args.prompt]
    first, chosen = peer.greedy(prompt, args.tokens)
    ours = logits_of(args.wkv7, file, prompt + chosen, folder)
    own_first = ours[len(prompt) - 1]
    distance = float(np.linalg.norm(own_first - first) / np.linalg.norm(own_first))
    picks = ours[len(prompt) - 1 : -1].argmax(axis=1)
    agreed = int((picks == np.array(chosen)).sum())
    exact = dtype in ("f32", "f16", "as it is")
    good = distance < BOUNDS.get(dtype, 5e-3) and (agreed == args.tokens or not exact)
    cut = ""
    if args.world:
        same = cut_alike(args.wkv7, file, peer)
        good, cut = good and same, f", text {'cut alike' if same else 'cut DIFFERENTLY'}"
    peer.close()
    verdict = "good" if good else "DIFFERENT"
    print(f"{verdict}: {path.name}, {dtype}: logits {distance:.1e} apart, {agreed} of {args.tokens} tokens equal{cut}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--wkv7", default="target/release/wkv7", help="the command to compare")
    parser.add_argument("--dtypes", default="f32", help="types to write models in, comma-separated")
    parser.add_argument("--prompt", default="34,105,110", type=lambda text: [int(t) for t in text.split(",")])
    parser.add_argument("--tokens", default=64, type=int, help="tokens to continue for")
    parser.add_argument("--world", action="store_true", help="compare the World vocabulary too")
    args = parser.parse_args()
    llama.llama_log_set(QUIET, ctypes.c_void_p(0))
    llama.llama_backend_init()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for path in args.models:
            dtypes = ["as it is"] if path.suffix == ".gguf" else args.dtypes.split(",")
            for dtype in dtypes:
                good &= compare(args, path, dtype, pathlib.Path(folder))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
