#!/usr/bin/env python3
"""Makes the golden data beside it: small models, and what RWKV-7 gives for a sequence of tokens.

Everything is computed here in float64 from the published formulas (arXiv 2503.14456, section 4), with numpy
alone and without a line shared with the Rust code. Weights come from integer arithmetic, so they are the same
on every machine.

    make.py            writes the files
    make.py --check    writes nothing; fails where the files are not what it would write

| file | what |
|---|---|
| `formula.expected.safetensors` | a model whose weights are not stored: `wkv7_testkit::formula` makes them from the same rule |
| `narrow.safetensors` | f32, three heads of 16, uneven low ranks, no value residual in layer 0 |
| `wide.safetensors` | bf16, one head of 64, all tensors of an official checkpoint |
| `*.expected.safetensors` | `tokens`, `logits` after each, `state.att_shift`, `state.wkv`, `state.ffn_shift` after the last |
"""
import json
import os
import struct
import sys

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))
LAYER_NORM_EPS, GROUP_NORM_EPS = 1e-5, 64e-5


# ------------------------------------------------------------------- weights by rule

def fnv1a(text):
    """64-bit FNV-1a of an ASCII text."""
    value = 0xCBF29CE484222325
    for byte in text.encode("ascii"):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def splitmix(seed, count):
    """The first `count` outputs of splitmix64, as numbers in [0, 1) with 53 bits."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53


def limits(name):
    """Where the numbers of a tensor lie."""
    leaf = name.split(".")[-1]
    if leaf == "bias":
        return -0.1, 0.1
    if leaf == "weight":
        kind = name.split(".")[-2]
        if kind.startswith("ln"):
            return 0.8, 1.2
        if kind == "emb":
            return -1.0, 1.0
        return (-0.08, 0.08) if name.endswith("ffn.value.weight") else (-0.15, 0.15)
    if leaf.startswith("x_"):
        return 0.0, 1.0
    table = {"w0": (-3.0, 3.0), "a0": (-1.0, 1.0), "v0": (-1.0, 1.0), "r_k": (-0.3, 0.3)}
    if leaf in table:
        return table[leaf]
    if leaf in ("k_k", "k_a"):
        return 0.5, 1.5
    return (-0.2, 0.2) if leaf.endswith("1") else (-0.3, 0.3)


class Model:
    """Sizes, and the shapes and numbers that follow from them."""

    def __init__(self, layers, heads, size, ffn, vocab, ranks, first_value=True, salt=""):
        self.layers, self.heads, self.size, self.ffn, self.vocab = layers, heads, size, ffn, vocab
        self.ranks, self.first_value, self.salt = ranks, first_value, salt
        self.channels = heads * size

    def shapes(self):
        c, found = self.channels, {}

        def norm(prefix):
            found[prefix + ".weight"] = found[prefix + ".bias"] = (c,)

        found["emb.weight"] = (self.vocab, c)
        norm("blocks.0.ln0")
        for layer in range(self.layers):
            block = f"blocks.{layer}."
            att, ffn = block + "att.", block + "ffn."
            for name in ("ln1", "ln2", "att.ln_x"):
                norm(block + name)
            for leaf in ("x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "k_k", "k_a"):
                found[att + leaf] = (1, 1, c)
            for net in "wavg":
                if net == "v" and layer == 0 and not self.first_value:
                    continue
                rank = self.ranks[layer % len(self.ranks)]["wavg".index(net)]
                if net != "g":
                    found[att + net + "0"] = (1, 1, c)
                found[att + net + "1"], found[att + net + "2"] = (c, rank), (rank, c)
            found[att + "r_k"] = (self.heads, self.size)
            for name in ("receptance", "key", "value", "output"):
                found[att + name + ".weight"] = (c, c)
            found[ffn + "x_k"] = (1, 1, c)
            found[ffn + "key.weight"] = (self.ffn, c)
            found[ffn + "value.weight"] = (c, self.ffn)
        norm("ln_out")
        found["head.weight"] = (self.vocab, c)
        return found

    def weights(self):
        """Each number by rule, rounded to f32."""
        made = {}
        for name, shape in self.shapes().items():
            low, high = limits(name)
            draws = splitmix(fnv1a(self.salt + name), int(np.prod(shape)))
            made[name] = (low + (high - low) * draws).astype(np.float32).reshape(shape)
        return made


# ------------------------------------------------------------------------ the oracle

def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def normed(x, weight, bias, eps, groups=1):
    """Zero mean and unit variance within each of `groups` equal parts of the last axis, then an affine map."""
    parts = x.reshape(*x.shape[:-1], groups, -1)
    parts = parts - parts.mean(-1, keepdims=True)
    parts = parts / np.sqrt((parts ** 2).mean(-1, keepdims=True) + eps)
    return parts.reshape(x.shape) * weight + bias


def delta_rule(r, w, k, v, kk, a):
    """The recurrent memory of every head over a sequence: inputs [tokens, heads, size].

    S is [heads, value, key] and starts at zero. Each token: S <- S (diag(w) - kk^T (a kk)) + v^T k, y = S r.
    Returns y for each token and the last S.
    """
    tokens, heads, size = r.shape
    memory, read = np.zeros((heads, size, size)), np.zeros_like(r)
    for t in range(tokens):
        transition = np.stack([np.diag(w[t, h]) - np.outer(kk[t, h], a[t, h] * kk[t, h]) for h in range(heads)])
        memory = memory @ transition + v[t][:, :, None] * k[t][:, None, :]
        read[t] = np.squeeze(memory @ r[t][:, :, None], -1)
    return read, memory


def time_mix(model, p, layer, h, first):
    """One layer's time mix over the whole sequence; `first` is the first layer's value, or None there."""
    T, c, heads, size = len(h), model.channels, model.heads, model.size
    before = np.concatenate([np.zeros((1, c)), h[:-1]])
    mix = {x: h + (before - h) * p["x_" + x].reshape(c) for x in "rwkvag"}

    def net(name, between):
        bias = p[name + "0"].reshape(c) if name != "g" else 0.0
        return bias + between(mix[name] @ p[name + "1"]) @ p[name + "2"]

    same = lambda x: x
    r = mix["r"] @ p["receptance.weight"].T
    key = mix["k"] @ p["key.weight"].T
    v = mix["v"] @ p["value.weight"].T
    w = np.exp(-np.exp(-0.5) * sigmoid(net("w", np.tanh)))
    a = sigmoid(net("a", same))
    g = net("g", sigmoid)
    if layer == 0:
        first = v
    else:
        v = v + (first - v) * sigmoid(net("v", same))
    by_head = lambda x: x.reshape(T, heads, size)
    kk = by_head(key * p["k_k"].reshape(c))
    kk = kk / np.maximum(np.sqrt((kk ** 2).sum(-1, keepdims=True)), 1e-12)
    k = key * (1.0 + (a - 1.0) * p["k_a"].reshape(c))
    y, memory = delta_rule(*map(by_head, (r, w, k, v)), kk, by_head(a))
    y = normed(y.reshape(T, c), p["ln_x.weight"], p["ln_x.bias"], GROUP_NORM_EPS, heads)
    bonus = (by_head(r * k) * p["r_k"]).sum(-1, keepdims=True) * by_head(v)
    y = (y + bonus.reshape(T, c)) * g
    return y @ p["output.weight"].T, memory, first


def channel_mix(p, h):
    before = np.concatenate([np.zeros_like(h[:1]), h[:-1]])
    x = h + (before - h) * p["x_k"].reshape(-1)
    return np.maximum(x @ p["key.weight"].T, 0.0) ** 2 @ p["value.weight"].T


def run(model, weights, tokens):
    """Logits after every token and the state after the last, from a zero state, in float64."""
    p = {name: value.astype(np.float64) for name, value in weights.items()}
    part = lambda prefix: {n[len(prefix):]: x for n, x in p.items() if n.startswith(prefix)}
    norm = lambda x, prefix: normed(x, p[prefix + ".weight"], p[prefix + ".bias"], LAYER_NORM_EPS)
    x, first = norm(p["emb.weight"][tokens], "blocks.0.ln0"), None
    att_shift, wkv, ffn_shift = [], [], []
    for layer in range(model.layers):
        block = f"blocks.{layer}."
        h = norm(x, block + "ln1")
        out, memory, first = time_mix(model, part(block + "att."), layer, h, first)
        att_shift.append(h[-1])
        wkv.append(memory)
        x = x + out
        h = norm(x, block + "ln2")
        ffn_shift.append(h[-1])
        x = x + channel_mix(part(block + "ffn."), h)
    logits = norm(x, "ln_out") @ p["head.weight"].T
    state = {"att_shift": att_shift, "wkv": wkv, "ffn_shift": ffn_shift}
    return logits, {name: np.stack(value) for name, value in state.items()}


# --------------------------------------------------------------------------- files

def bf16_bits(x):
    """The nearest bf16, ties to even."""
    bits = x.astype("<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def from_bf16(bits):
    return (bits.astype("<u4") << 16).view("<f4")


def safetensors(tensors):
    """The bytes of a safetensors file."""
    kinds = {"<f4": "F32", "<i4": "I32", "<u2": "BF16"}  # raw 16-bit words are bf16 here
    header, data = {}, b""
    for name, value in tensors.items():
        raw = np.ascontiguousarray(value).tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": kinds[value.dtype.str], "shape": list(value.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def floats(raw):
    """All numbers of a safetensors file of F32 and I32 tensors, and its header."""
    (size,) = struct.unpack("<Q", raw[:8])
    header, found = json.loads(raw[8:8 + size]), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        kind = {"F32": "<f4", "I32": "<i4"}[entry["dtype"]]
        found[name] = np.frombuffer(raw[8 + size + begin:8 + size + end], kind).reshape(entry["shape"])
    return found


def expected(model, weights, tokens):
    logits, state = run(model, weights, tokens)
    tensors = {"tokens": np.array(tokens, "<i4"), "logits": logits.astype("<f4")}
    tensors.update({"state." + name: value.astype("<f4") for name, value in state.items()})
    return safetensors(tensors)


def draw_tokens(name, count, vocab):
    return [int(u * vocab) for u in splitmix(fnv1a(name + " tokens"), count)]


FORMULA = Model(3, 2, 64, 512, 32, [(32, 16, 8, 24)])
FORMULA_TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 31, 0]


def files():
    """Every file: its name and bytes."""
    narrow = Model(3, 3, 16, 112, 53, [(6, 10, 7, 12), (9, 4, 5, 8)], first_value=False, salt="narrow ")
    wide = Model(2, 1, 64, 256, 71, [(16, 16, 8, 32)], salt="wide ")
    made = {"formula.expected.safetensors": expected(FORMULA, FORMULA.weights(), FORMULA_TOKENS)}
    weights = narrow.weights()
    made["narrow.safetensors"] = safetensors(weights)
    made["narrow.expected.safetensors"] = expected(narrow, weights, draw_tokens("narrow", 65, 53))
    bits = {name: bf16_bits(value) for name, value in wide.weights().items()}
    made["wide.safetensors"] = safetensors(bits)
    rounded = {name: from_bf16(value) for name, value in bits.items()}
    made["wide.expected.safetensors"] = expected(wide, rounded, draw_tokens("wide", 50, 71))
    return made


# ---------------------------------------------------------------- what is known of it

def check_oracle():
    """Numbers that other implementations gave for the formula model, recorded to twelve digits."""
    assert fnv1a("emb.weight") == 0xFAE6044C1709DB6F
    logits, state = run(FORMULA, FORMULA.weights(), FORMULA_TOKENS)
    targets = FORMULA_TOKENS[1:] + [7]
    losses = np.log(np.exp(logits).sum(-1)) - logits[np.arange(11), targets]
    memory = state["wkv"][2]
    facts = [
        (logits[10, :3], [-0.536570677029, 2.272917877852, 0.858093671346]),
        (logits[10, 3:6], [0.423233125757, 0.169035344727, -0.525098275366]),
        (logits[0, :4], [0.578759233350, 2.242166754183, 0.790159542288, -0.884661043516]),
        (logits.sum(), -9.465391900652),
        ((logits ** 2).sum(), 345.091033469121),
        (losses.mean(), 3.4793068399299103),
        (memory[1, 3, 5:7], [0.478453207784, 0.046327530470]),
        ((memory ** 2).sum(), 2643.683197250816),
        (state["att_shift"][2, :2], [0.651350231380, -2.073203468348]),
        (state["ffn_shift"][2, :2], [0.655859203918, -1.366619006307]),
    ]
    for got, want in facts:
        if not np.allclose(got, want, rtol=1e-11, atol=1e-11):
            sys.exit(f"the oracle gives {got}, recorded is {want}")


def differs(name, raw):
    """Whether the file `name` holds something else than `raw`; results may differ in the last bit."""
    path = os.path.join(FOLDER, name)
    if not os.path.exists(path):
        return True
    with open(path, "rb") as file:
        found = file.read()
    if found == raw or ".expected." not in name:
        return found != raw  # weights are made of integers: the same on every machine
    got, want = floats(raw), floats(found)
    return got.keys() != want.keys() or any(
        got[n].shape != want[n].shape or not np.allclose(got[n], want[n], rtol=1e-6, atol=1e-7) for n in got)


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    check_oracle()
    made = files()
    if sys.argv[1:] == ["--check"]:
        wrong = [name for name, raw in made.items() if differs(name, raw)]
        if wrong:
            sys.exit("not what make.py makes: " + ", ".join(wrong))
        print(f"{len(made)} files are what make.py makes")
        return
    for name, raw in made.items():
        with open(os.path.join(FOLDER, name), "wb") as file:
            file.write(raw)
        print(f"{name}: {len(raw):,} bytes")


if __name__ == "__main__":
    main()
