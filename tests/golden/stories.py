#!/usr/bin/env python3
"""Trains the small story model beside this file: a byte-level RWKV-7 of 0.7 million parameters.

    python3 tests/golden/stories.py --out tests/golden/stories.safetensors      # needs torch; some fifteen minutes

It exists so that a fresh clone can generate text and so that tests have weights that were really
trained (spread decays, sparse channel mix), which random ones are not. Every word it learns from is
made by the grammar below; one seed gives one data set. The file beside it had 450 steps with every row
beginning with an empty line, then `--start` from there `--steps 80 --rate 1e-3 --seed 8` as it stands.
`stories.txt` holds 48 stories of the grammar, drawn by `random.Random(2026)`: a text that the model knows to measure on.
"""

import argparse
import json
import math
import random
import struct
import time

import torch
import torch.nn.functional as F

LAYERS, CHANNELS, HEAD, VOCAB, RANK = 3, 128, 64, 256, 16
CONTEXT, BATCH, CHUNK = 384, 16, 16

# ------------------------------------------------------------------------------------------- data

NAMES = "Mia Tom Anna Ben Lily Max Nora Sam Ella Leo".split()
ANIMALS = "cat dog fox owl duck bear mouse frog".split()
PLACES = ["the garden", "the forest", "the old house", "the river", "the hill", "the market"]
THINGS = ["a red ball", "a small key", "a shiny stone", "a blue book", "a warm hat", "a sweet apple"]
MOODS = ["happy", "sad", "tired", "hungry", "brave", "curious"]
ADJECTIVES = ["little", "kind", "clever", "quiet", "funny"]


def story(rng):
    name, friend = rng.sample(NAMES, 2)
    animal, place, thing = rng.choice(ANIMALS), rng.choice(PLACES), rng.choice(THINGS)
    mood, adjective = rng.choice(MOODS), rng.choice(ADJECTIVES)
    lost = thing.split(" ", 1)[1]
    begin = rng.choice([
        f"Once upon a time there was a {adjective} {animal} named {name}.",
        f"Once upon a time a {adjective} {animal} named {name} lived near {place}.",
        f"One day {name} the {adjective} {animal} went to {place}.",
    ])
    middle = rng.choice([
        f" {name} was {mood}. Near {place} {name} found {thing}.",
        f" {name} had {thing}. One morning the {lost} was gone, and {name} was sad.",
        f" {name} felt {mood} and wanted to play. Then {friend} came along with {thing}.",
    ])
    if "was gone" in middle:
        end = rng.choice([
            f" {friend} looked near {place} and found the {lost}. \"Thank you!\" said {name}.",
            f" \"Do not cry,\" said {friend}. They looked everywhere, and the {lost} was under a tree.",
        ])
    elif "found" in middle:
        end = rng.choice([
            f" \"Is this yours?\" asked {name}. \"Yes,\" said {friend}, \"I lost it.\"",
            f" {name} showed the {lost} to {friend}, and they were both happy.",
        ])
    else:
        end = rng.choice([
            f" \"Let us share the {lost},\" said {friend}. They played until the sun went down.",
            f" {name} and {friend} took the {lost} to {place} and played all day.",
        ])
    last = rng.choice([" The end.", f" {name} went home and slept well.", " They were friends forever."])
    return begin + middle + end + last + "\n\n"


def batches(rng):
    """Endless batches [BATCH, CONTEXT + 1] of consecutive bytes; rows begin with a story."""
    while True:
        rows = []
        for _ in range(BATCH):
            text = rng.choice([b"", b"\n\n"])  # a prompt stands at the very beginning, later stories do not
            while len(text) < CONTEXT + 1:
                text += story(rng).encode()
            rows.append(list(text[: CONTEXT + 1]))
        yield torch.tensor(rows)


# ------------------------------------------------------------------------------------------ model


def new_weights(generator):
    """Small random matrices; the per-channel ramps let early channels look back and late ones not."""
    w, c = {}, CHANNELS
    ramp = torch.arange(c) / c
    zigzag = (torch.arange(c) % HEAD - (HEAD - 1) / 2) / ((HEAD - 1) / 2)
    zigzag = zigzag * zigzag.abs()

    def normal(*shape, std):
        return torch.randn(*shape, generator=generator) * std

    w["emb.weight"] = normal(VOCAB, c, std=0.02)
    for i in range(LAYERS):
        b, left = f"blocks.{i}.", 1 - i / LAYERS
        for ln in ["ln0", "ln1", "ln2"] if i == 0 else ["ln1", "ln2"]:
            w[b + ln + ".weight"], w[b + ln + ".bias"] = torch.ones(c), torch.zeros(c)
        for x, power in zip("rwkvag", (0.2, 0.9, 0.7, 0.7, 0.9, 0.2)):
            w[b + "att.x_" + x] = (1 - ramp ** (power * left)).view(1, 1, c)
        w[b + "att.w0"] = (-5.5 + 6 * ramp ** (1 + (i / max(1, LAYERS - 1)) ** 0.3) + 2.5 * zigzag).view(1, 1, c)
        w[b + "att.a0"] = (-0.19 + 0.3 * zigzag + 0.4 * (ramp - 0.5)).view(1, 1, c)
        if i > 0:
            w[b + "att.v0"] = (0.73 - 0.4 * (ramp - 0.5)).view(1, 1, c)
        for net in "wavg" if i > 0 else "wag":
            w[b + f"att.{net}1"] = torch.zeros(c, RANK) if net != "g" else normal(c, RANK, std=c**-0.5)
            w[b + f"att.{net}2"] = normal(RANK, c, std=0.1 if net != "g" else RANK**-0.5)
        w[b + "att.k_k"] = torch.full((1, 1, c), 0.71)
        w[b + "att.k_a"] = torch.full((1, 1, c), 1.02)
        w[b + "att.r_k"] = torch.full((c // HEAD, HEAD), -0.04)
        for m, std in ("receptance", 1.0), ("key", 0.3), ("value", 1.0), ("output", 0.05):
            w[b + f"att.{m}.weight"] = normal(c, c, std=std * c**-0.5)
        w[b + "att.ln_x.weight"] = torch.full((c,), ((1 + i) / LAYERS) ** 0.7)
        w[b + "att.ln_x.bias"] = torch.zeros(c)
        w[b + "ffn.x_k"] = (1 - ramp ** (left**4)).view(1, 1, c)
        w[b + "ffn.key.weight"] = normal(4 * c, c, std=c**-0.5)
        w[b + "ffn.value.weight"] = normal(c, 4 * c, std=0.05 * c**-0.5)
    w["ln_out.weight"], w["ln_out.bias"] = torch.ones(c), torch.zeros(c)
    w["head.weight"] = normal(VOCAB, c, std=0.5 * c**-0.5)
    return w


def wkv(r, log_w, k, v, a, b):
    """The recurrence over [B, T, H, N] in chunks: inside a chunk everything is a matrix product."""
    batch, length, heads, n = r.shape
    chunked = [x.view(batch, length // CHUNK, CHUNK, heads, n).permute(1, 0, 3, 2, 4) for x in (r, log_w, k, v, a, b)]
    lower = torch.tril(torch.ones(CHUNK, CHUNK))
    strict = torch.tril(torch.ones(CHUNK, CHUNK), -1)
    eye = torch.eye(CHUNK)
    s, out = torch.zeros(batch, heads, n, n), []  # s: [value, key]
    for r, log_w, k, v, a, b in zip(*chunked):
        c = log_w.cumsum(-2)  # inclusive
        e = c - log_w
        last = c[..., -1:, :]
        rb, ab = r * c.exp(), a * e.exp()
        kh, bh = k * (-c).exp(), b * (-c).exp()
        aqk, aqb = (rb @ kh.mT) * lower, (rb @ bh.mT) * lower
        aak, aab = (ab @ kh.mT) * strict, (ab @ bh.mT) * strict
        u = torch.linalg.solve_triangular(eye - aab, ab @ s.mT + aak @ v, upper=False, unitriangular=True)
        out.append(rb @ s.mT + aqb @ u + aqk @ v)
        s = s * last.exp() + u.mT @ (bh * last.exp()) + v.mT @ (kh * last.exp())
    return torch.stack(out).permute(1, 0, 3, 2, 4).reshape(batch, length, heads, n)


def forward(w, tokens):
    batch, length = tokens.shape
    heads = CHANNELS // HEAD

    def norm(x, name):
        return F.layer_norm(x, (CHANNELS,), w[name + ".weight"], w[name + ".bias"], 1e-5)

    def split(x):
        return x.view(batch, length, heads, HEAD)

    x, v_first = norm(F.embedding(tokens, w["emb.weight"]), "blocks.0.ln0"), None
    for i in range(LAYERS):
        p = f"blocks.{i}."
        h = norm(x, p + "ln1")
        d = F.pad(h, (0, 0, 1, -1)) - h
        mix = {c: h + d * w[f"{p}att.x_{c}"] for c in "rwkvag"}
        r, k, v = (mix[c] @ w[f"{p}att.{m}.weight"].T for c, m in (("r", "receptance"), ("k", "key"), ("v", "value")))
        log_w = -math.exp(-0.5) * torch.sigmoid(w[p + "att.w0"] + torch.tanh(mix["w"] @ w[p + "att.w1"]) @ w[p + "att.w2"])
        a = torch.sigmoid(w[p + "att.a0"] + mix["a"] @ w[p + "att.a1"] @ w[p + "att.a2"])
        g = torch.sigmoid(mix["g"] @ w[p + "att.g1"]) @ w[p + "att.g2"]
        if i == 0:
            v_first = v
        else:
            v = v + (v_first - v) * torch.sigmoid(w[p + "att.v0"] + mix["v"] @ w[p + "att.v1"] @ w[p + "att.v2"])
        kk = F.normalize(split(k * w[p + "att.k_k"]), dim=-1, eps=1e-12)
        k = split(k * (1 + (a - 1) * w[p + "att.k_a"]))
        r, v = split(r), split(v)
        y = wkv(r, split(log_w), k, v, -kk, kk * split(a))
        y = F.group_norm(y.reshape(-1, CHANNELS), heads, w[p + "att.ln_x.weight"], w[p + "att.ln_x.bias"], 64e-5)
        y = y.view(batch, length, CHANNELS) + ((r * k * w[p + "att.r_k"]).sum(-1, keepdim=True) * v).reshape(batch, length, CHANNELS)
        x = x + (y * g) @ w[p + "att.output.weight"].T
        h = norm(x, p + "ln2")
        h = h + (F.pad(h, (0, 0, 1, -1)) - h) * w[p + "ffn.x_k"]
        x = x + torch.relu(h @ w[p + "ffn.key.weight"].T) ** 2 @ w[p + "ffn.value.weight"].T
    return norm(x, "ln_out") @ w["head.weight"].T


def save(w, path):
    """Official names, bf16, as safetensors."""
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, x in w.items():
        data = x.detach().to(torch.bfloat16).contiguous().view(torch.int16).numpy().tobytes()
        header[name] = {"dtype": "BF16", "shape": list(x.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def load(path, like):
    """What `save` wrote, in f32."""
    with open(path, "rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        header, body = json.loads(f.read(length)), bytearray(f.read())
    w = {}
    for name, x in like.items():
        begin, end = header[name]["data_offsets"]
        w[name] = torch.frombuffer(body[begin:end], dtype=torch.bfloat16).float().view(x.shape).clone()
    return w


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--steps", type=int, default=450)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--rate", type=float, default=3e-3, help="largest learning rate")
    p.add_argument("--start", help="go on from this file instead of random weights")
    args = p.parse_args()
    w = new_weights(torch.Generator().manual_seed(args.seed))
    if args.start:
        w = load(args.start, w)
    for x in w.values():
        x.requires_grad_()
    decayed = [x for n, x in w.items() if n.endswith(".weight") and x.squeeze().dim() == 2]
    rest = [x for x in w.values() if not any(x is d for d in decayed)]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), eps=1e-18)
    data, start = batches(random.Random(args.seed)), time.time()
    for step in range(args.steps):
        rate = args.rate * min(1, (step + 1) / 20) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        tokens = next(data)
        loss = F.cross_entropy(forward(w, tokens[:, :-1]).reshape(-1, VOCAB), tokens[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0)
        optimizer.step()
        if step % 50 == 0 or step + 1 == args.steps:
            print(f"step {step:5d}  loss {loss.item():.4f}  {time.time() - start:6.0f} s", flush=True)
            save(w, args.out)


if __name__ == "__main__":
    main()
