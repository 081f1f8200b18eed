"""Runs a made model in float64 and says what its layers do; used by `make_model.py --check`.

The formulas are those of `tests/golden/make.py`. One layer is held at a time.
"""
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"))
import make as oracle  # noqa: E402

TOKENS = 96
TOLERANCE = 0.02  # of the sparsity: the widest spread over seeds and sizes is half of it


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


def hidden(p, h):
    """The channel mix's hidden units [tokens, ffn] before the relu."""
    before = np.concatenate([np.zeros_like(h[:1]), h[:-1]])
    return (h + (before - h) * p["x_k"].ravel()) @ p["key.weight"].T


def passes(model):
    """Prints a line per layer; whether each has the sparsity that was asked for."""
    shape, good = model.shape, True
    get = lambda name: model.tensor(name).astype(np.float64)
    part = lambda prefix: {n[len(prefix):]: get(n) for n in model.tensors if n.startswith(prefix)}
    norm = lambda x, prefix: oracle.normed(x, get(prefix + ".weight"), get(prefix + ".bias"), oracle.LAYER_NORM_EPS)
    tokens = model.stream("tokens").integers(0, shape.vocab, TOKENS)
    x, first = norm(get("emb.weight")[tokens], "blocks.0.ln0"), None
    for layer in range(shape.layers):
        block = f"blocks.{layer}."
        out, memory, first = oracle.time_mix(shape, part(block + "att."), layer, norm(x, block + "ln1"), first)
        x = x + out
        h, ffn = norm(x, block + "ln2"), part(block + "ffn.")
        varying = h - get(block + "ln2.bias")
        alike = float(np.mean(varying[1:] * varying[:-1]) / np.mean(varying ** 2))
        zero = float(np.mean(hidden(ffn, h) <= 0.0))
        added = oracle.channel_mix(ffn, h)
        x = x + added
        good &= abs(zero - model.sparsity) <= TOLERANCE
        print(f"layer {layer:2}: sparsity {zero:.3f}, time mix adds {rms(out):.2f}, channel mix {rms(added):.2f}, "
              f"residual {rms(x):.2f}, state {rms(memory):.2f}, neighbours {alike:.2f} alike")
    logits = norm(x[-1:], "ln_out") @ get("head.weight").T
    print(f"logits {rms(logits):.2f}; sparsity asked for {model.sparsity}: {'good' if good else 'MISSED'}")
    return good
