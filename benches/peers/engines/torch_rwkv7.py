"""RWKV-7 in torch, for training: the parallel form over whole sequences, loss and optimizer as the official trainer's.

Parameters are a dict of the official names; formulas are those that `crates/core/src/reference` computes token by token.
"""
import math

import torch
from torch.nn import functional as F

DECAY = -math.exp(-0.5)
PULL = 1e-4  # on the largest logit, which the reported loss leaves out


class Model(torch.nn.Module):
    """The model of these tensors, `wkv` being one of the forms of `torch_wkv`."""

    def __init__(self, tensors, wkv, compiled=False):
        super().__init__()
        self.names = {name: name.replace(".", "_") for name in tensors}
        for name, tensor in tensors.items():
            self.register_parameter(self.names[name], torch.nn.Parameter(tensor))
        self.layers = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
        self.heads = tensors["blocks.0.att.r_k"].shape[0]
        self.wkv = wkv
        self.block = torch.compile(block) if compiled else block
        self.loss = torch.compile(loss) if compiled else loss

    def named(self):
        """Parameters by their official names."""
        return {name: getattr(self, attribute) for name, attribute in self.names.items()}

    def forward(self, inputs, targets):
        """The mean cross-entropy, [sequences, tokens] each; its gradient is that of the official trainer's loss."""
        named = self.named()
        x = F.embedding(inputs, named["emb.weight"])
        x, v_first = norm(x, named, "blocks.0.ln0"), None
        for layer in range(self.layers):
            begin = f"blocks.{layer}."
            own = {name[len(begin):]: p for name, p in named.items() if name.startswith(begin)}
            x, v_first = self.block(x, v_first, own, self.heads, self.wkv)
        return self.loss(norm(x, named, "ln_out"), named["head.weight"], targets)


def norm(x, named, name):
    return F.layer_norm(x, x.shape[-1:], named[f"{name}.weight"], named[f"{name}.bias"])


def block(x, v_first, p, heads, wkv):
    """One layer: time mix, then channel mix."""
    mixed, v_first = time_mix(norm(x, p, "ln1"), v_first, p, heads, wkv)
    x = x + mixed
    return x + channel_mix(norm(x, p, "ln2"), p), v_first


def shift(h):
    """What the previous token had more."""
    return F.pad(h, (0, 0, 1, -1)) - h


def time_mix(h, v_first, p, heads, wkv):
    sequences, tokens, channels = h.shape
    split = (sequences, tokens, heads, channels // heads)
    d = shift(h)
    r, w, k, v, a, g = (torch.addcmul(h, d, p[f"att.x_{name}"]) for name in "rwkvag")
    mixed_v = v
    r = F.linear(r, p["att.receptance.weight"])
    k = F.linear(k, p["att.key.weight"])
    v = F.linear(v, p["att.value.weight"])
    log_w = DECAY * torch.sigmoid(p["att.w0"] + torch.tanh(w @ p["att.w1"]) @ p["att.w2"])
    a = torch.sigmoid(p["att.a0"] + (a @ p["att.a1"]) @ p["att.a2"])
    g = torch.sigmoid(g @ p["att.g1"]) @ p["att.g2"]
    if v_first is None:
        v_first = v
    else:
        mix = torch.sigmoid(p["att.v0"] + (mixed_v @ p["att.v1"]) @ p["att.v2"])
        v = torch.lerp(v, v_first, mix.to(v.dtype))
    kk = F.normalize((k * p["att.k_k"]).view(split), dim=-1)
    k = torch.addcmul(k, k * (a - 1), p["att.k_a"])
    r, log_w, k, v_, a = (x.view(split) for x in (r, log_w, k, v, a))
    with torch.autocast("cpu", enabled=False):  # a recurrence wants f32
        y = wkv(*(x.float() for x in (r, log_w, k, v_, -kk, kk * a)))
    y = F.group_norm(y.reshape(-1, channels), heads, p["att.ln_x.weight"], p["att.ln_x.bias"], eps=64e-5)
    bonus = (r * k * p["att.r_k"]).sum(-1, keepdim=True) * v_
    y = y.view(sequences, tokens, channels) + bonus.view(sequences, tokens, channels)
    return F.linear(y * g, p["att.output.weight"]), v_first


def channel_mix(h, p):
    hidden = F.linear(torch.addcmul(h, shift(h), p["ffn.x_k"]), p["ffn.key.weight"])
    return F.linear(torch.relu(hidden).square(), p["ffn.value.weight"])


class Pulled(torch.autograd.Function):
    """Mean cross-entropy of logits [rows, vocabulary]; the gradient also pulls on each row's largest logit."""

    @staticmethod
    def forward(ctx, logits, targets):
        top = logits.max(-1, keepdim=True)
        log_p = torch.log_softmax(logits, -1)
        ctx.save_for_backward(log_p, targets, top.values, top.indices)
        return F.nll_loss(log_p, targets)

    @staticmethod
    def backward(ctx, d_loss):
        log_p, targets, top, place = ctx.saved_tensors
        d = log_p.exp()
        d.scatter_add_(1, targets[:, None], torch.full_like(top, -1))
        d.scatter_add_(1, place, PULL * top)
        return d.mul_(d_loss / len(d)), None


def loss(x, head, targets):
    logits = F.linear(x, head)
    return Pulled.apply(logits.float().view(-1, len(head)), targets.reshape(-1))


def optimizer(model, rate, weight_decay):
    """AdamW with the official groups: `w0` at twice the rate, decay for the large matrices alone."""
    fast, decayed, plain = [], [], []
    for name, tensor in model.named().items():
        large = ".weight" in name and tensor.squeeze().dim() >= 2
        (fast if "att.w0" in name else decayed if large else plain).append(tensor)
    groups = [
        {"params": fast, "lr": 2 * rate, "weight_decay": 0.0},
        {"params": decayed, "lr": rate, "weight_decay": weight_decay},
        {"params": plain, "lr": rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.99), eps=1e-18, fused=True)
