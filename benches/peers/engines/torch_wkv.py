"""The recurrence of RWKV-7 in torch: the plain loop over tokens, and a form that is made of matrix products.

Both take r, k, v, a, b and the logarithm of the decay w, each [sequences, tokens, heads, size], begin with a state of
zeros, S [value, key], and return y of the same shape:

    S = S diag(w) + (S a) b' + v k'        y = S r
"""
import torch


def loop(r, log_w, k, v, a, b):
    """Token by token, as the formulas read; autograd goes the way back."""
    w = log_w.exp()
    sequences, tokens, heads, size = r.shape
    state = r.new_zeros(sequences, heads, size, size)
    out = []
    for r, w, k, v, a, b in zip(*(x.unbind(1) for x in (r, w, k, v, a, b))):
        removed = state @ a[..., None]
        state = state * w[..., None, :] + removed * b[..., None, :] + v[..., None] * k[..., None, :]
        out.append((state @ r[..., None]).squeeze(-1))
    return torch.stack(out, 1)


class Scan(torch.autograd.Function):
    """States before each step of `S[n+1] = S[n] P[n] + Q[n]`, with `P` and `Q` [steps, many, size, size].

    By hand, since its gradient is the same loop backwards, and that of all `P` one product.
    """

    @staticmethod
    def forward(ctx, p, q):
        states = torch.empty_like(q)
        states[0].zero_()
        for n in range(len(q) - 1):
            torch.baddbmm(q[n], states[n], p[n], out=states[n + 1])
        ctx.save_for_backward(p, states)
        return states

    @staticmethod
    def backward(ctx, d_states):
        p, states = ctx.saved_tensors
        after = torch.empty_like(d_states)  # gradient of the state after each step, which is that of Q
        after[-1].zero_()
        for n in range(len(after) - 1, 0, -1):
            torch.baddbmm(d_states[n], after[n], p[n].mT, out=after[n - 1])
        return states.mT @ after, after


def chunked(length):
    """The form of matrix products over chunks of so many tokens (the WY form of products of rank-one updates).

    With c the sum of log w within a chunk up to and with a token, e without it, and marks
    R = r exp(c), A = a exp(e), K = k exp(-c), B = b exp(-c), M the strict lower triangle of A B':
    all that is removed in a chunk is U = (1 - M)^-1 (A S' + tril(A K', -1) V), and then
    Y = R S' + tril(R B') U + tril(R K') V, S <- S diag(exp(c_end)) + (U' B + V' K) diag(exp(c_end)).
    U is linear in S, so the state after a chunk is one product with the state before, plus something known.
    """

    def run(r, log_w, k, v, a, b):
        sequences, tokens, heads, size = r.shape
        if tokens % length:
            raise ValueError(f"{tokens} tokens are not whole chunks of {length}")
        chunks = tokens // length

        def split(x):  # [chunks, sequences * heads, length, size]
            x = x.view(sequences, chunks, length, heads, size).permute(1, 0, 3, 2, 4)
            return x.reshape(chunks, sequences * heads, length, size)

        r, log_w, k, v, a, b = map(split, (r, log_w, k, v, a, b))
        c = log_w.cumsum(-2)
        grown, shrunk = c.exp(), (-c).exp()
        end = grown[..., -1:, :]
        queries = torch.cat((r * grown, a * (c - log_w).exp()), -2)
        keys = torch.cat((k * shrunk, b * shrunk), -2)
        scores = queries @ keys.mT * mask(length, r)
        of_r, of_a = scores.split(length, -2)
        rk, rb = of_r.split(length, -1)
        ak, ab = of_a.split(length, -1)
        rs, as_ = queries.split(length, -2)
        # What is removed: W S' + U0.
        right = torch.cat((as_, ak @ v), -1)
        solved = torch.linalg.solve_triangular(-ab, right, upper=False, unitriangular=True)
        w, u = solved.split(size, -1)
        ks, bs = (keys * end).split(length, -2)
        q = u.mT @ bs + v.mT @ ks
        p = w.mT @ bs + torch.diag_embed(end.squeeze(-2))
        states = Scan.apply(p, q)
        y = rb @ solved
        y = (rs + y[..., :size]) @ states.mT + y[..., size:] + rk @ v
        y = y.view(chunks, sequences, heads, length, size).permute(1, 0, 3, 2, 4)
        return y.reshape(sequences, tokens, heads, size)

    return run


def mask(length, like):
    """Which products of rows (r above a) and columns (k before b) count: r sees its own token, a those before."""
    ones = like.new_ones(length, length)
    return torch.cat((ones.tril().repeat(1, 2), ones.tril(-1).repeat(1, 2)))
