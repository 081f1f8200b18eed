#!/usr/bin/env python3
"""Compares wkv7 with llama.cpp on GGUF files, both ways.

For each model: `wkv7 convert` writes it as GGUF in F32 (a .gguf is taken as it is), llama.cpp loads that
file and continues a prompt greedily; then `wkv7 logits` is given the same tokens, and at every place its
largest logit must be llama.cpp's choice, or as near as rounding brings it. With `--world`, the vocabulary
inside the file must also cut a text with every kind of byte into the same tokens.

The engine and the comparison are those of `cargo xtask bench peers`, in benches/peers. Not run by the test command,
because it needs llama.cpp (built for minutes) and numpy:

    python3 -m venv env && env/bin/pip install llama-cpp-python==0.3.36 numpy
    cargo build --release
    env/bin/python tests/peers/with_llama_cpp.py --wkv7 target/release/wkv7 model.safetensors other.gguf
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

SHARED = pathlib.Path(__file__).resolve().parents[2] / "benches" / "peers"
sys.path[:0] = [str(SHARED), str(SHARED / "engines")]
import agreement  # noqa: E402
import driver  # noqa: E402
from llama import Llama  # noqa: E402

TEXT = "Hello, \"world\"!\n\n\tIt's 2 * 21 = 42 \\ done. Größe, 测试, ✿, \x00 \x7f <s> [PAD65530] 🦀\r\n" * 2


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
    peer = Llama(file)
    prompt = [token % peer.vocab for token in args.prompt]
    first, chosen = driver.greedy(peer, prompt, args.tokens)
    found = agreement.compare(args.wkv7, file, dtype, prompt, first, chosen)
    good = found.good
    cut = ""
    if args.world:
        same = cut_alike(args.wkv7, file, peer)
        good, cut = good and same, f", text {'cut alike' if same else 'cut DIFFERENTLY'}"
    peer.close()
    verdict = "good" if good else "DIFFERENT"
    print(f"{verdict}: {path.name}, {dtype}: {found}{cut}")
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
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for path in args.models:
            dtypes = ["as it is"] if path.suffix == ".gguf" else args.dtypes.split(",")
            for dtype in dtypes:
                good &= compare(args, path, dtype, pathlib.Path(folder))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
