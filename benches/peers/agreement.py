"""Whether wkv7 and another engine compute the same from one file.

The other engine continues a prompt greedily; `wkv7 logits` is given the same tokens, and at every place its largest
logit must be the other's choice, or so near to it that rounding decides.
"""
import dataclasses
import json
import pathlib
import struct
import subprocess
import tempfile

import numpy as np

# Relative L2 distance of the first logits. F32 files differ by the order of sums; F16 and BF16 also by the rounding of
# activations to that type, block types by their rounding to 8 bits. Twice what 24 layers of random weights make of it.
BOUNDS = {"f32": 1e-5, "f16": 1e-2, "bf16": 6e-2, "q8_0": 0.2, "q4_0": 0.3, "q5_1": 0.2, "q4_k": 0.2, "q6_k": 0.2}
OTHER = 1e-2  # for a file whose type is not said

# Two logits count as equal where they are nearer than this many times the bound, in units of the logits' size: four
# standard deviations of one logit's error.
TIE = 4


@dataclasses.dataclass
class Agreement:
    """How near two engines are: distance of the first logits, equal choices, and the widest gap at an unequal one."""

    distance: float
    equal: int
    places: int
    gap: float  # between our largest logit and the one chosen, in units of the logits' size
    good: bool

    def __str__(self):
        text = f"logits {self.distance:.1e} apart, {self.equal} of {self.places} tokens equal"
        return text if self.equal == self.places else f"{text}, others by at most {self.gap:.1e}"


def logits_of(wkv7, path, tokens):
    """Logits [tokens, vocab] by `wkv7 logits`."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "logits.safetensors"
        ids = ",".join(map(str, tokens))
        subprocess.run([wkv7, "logits", path, "--tokens", ids, "--all", "--output", out], check=True)
        raw = out.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    entry = json.loads(raw[8 : 8 + length])["logits"]
    begin, end = entry["data_offsets"]
    return np.frombuffer(raw[8 + length + begin : 8 + length + end], "<f4").reshape(entry["shape"])


def compare(wkv7, path, dtype, prompt, first, chosen):
    """Agreement of `wkv7 logits` with another engine's first logits and choices after `prompt`."""
    ours = logits_of(wkv7, path, prompt + chosen)[len(prompt) - 1 :]
    bound = BOUNDS.get(dtype, OTHER)
    distance = float(np.linalg.norm(ours[0] - first) / np.linalg.norm(ours[0]))
    places = ours[: len(chosen)]
    gaps = places.max(axis=1) - places[np.arange(len(chosen)), chosen]
    gap = float((gaps / np.sqrt(np.square(places).mean(axis=1))).max())
    equal = int((gaps == 0.0).sum())
    return Agreement(distance, equal, len(chosen), gap, distance < bound and gap <= TIE * bound)
