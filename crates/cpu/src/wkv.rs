//! The recurrent memory of one head: the generalised delta rule of RWKV-7.

use crate::arch::Isa;
use crate::matmul::dot;

/// One token's inputs to one head, each `[n]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// Receptance.
    pub(crate) r: &'a [f32],
    /// Decay, in (0, 1).
    pub(crate) w: &'a [f32],
    /// Replacement key.
    pub(crate) k: &'a [f32],
    /// Value.
    pub(crate) v: &'a [f32],
    /// Removal key, of length one.
    pub(crate) kk: &'a [f32],
    /// What the removal writes: removal key times in-context learning rate.
    pub(crate) b: &'a [f32],
}

/// Advances `s` `[n (value), n (key)]` by one token and writes the read-out into `y` `[n]`.
///
/// `S = S (diag(w) - kk^T b) + v^T k`, then `y = S r` (arXiv 2503.14456, section 4).
#[inline(always)]
pub(crate) fn step<I: Isa>(isa: I, s: &mut [f32], inputs: Inputs<'_>, y: &mut [f32]) {
    let Inputs { r, w, k, v, kk, b } = inputs;
    let n = r.len();
    for ((s, v), y) in s.chunks_exact_mut(n).zip(v).zip(y) {
        let removed = dot(isa, s, kk); // what the old memory holds along the removal key
        for (((s, w), k), b) in s.iter_mut().zip(w).zip(k).zip(b) {
            *s = isa.mul_add(*s, *w, isa.mul_add(*v, *k, -removed * *b));
        }
        *y = dot(isa, s, r);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::tests::on_every_path;

    /// The same in f64, as the definition reads.
    fn twin(s: &mut [f64], i: Inputs<'_>) -> Vec<f64> {
        let n = i.r.len();
        let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f64::from(x)).collect() };
        let (r, w, k, kk, b) = (wide(i.r), wide(i.w), wide(i.k), wide(i.kk), wide(i.b));
        let mut y = Vec::new();
        for (s, &v) in s.chunks_exact_mut(n).zip(i.v) {
            let removed: f64 = s.iter().zip(&kk).map(|(s, kk)| s * kk).sum();
            for j in 0..n {
                s[j] = s[j] * w[j] - removed * b[j] + f64::from(v) * k[j];
            }
            y.push(s.iter().zip(&r).map(|(s, r)| s * r).sum());
        }
        y
    }

    #[test]
    fn heads_of_any_size_match_their_f64_twin() {
        fn check(isa: impl Isa) {
            for n in [1, 3, 8, 16, 20, 32, 64, 100] {
                let mut s = vec![0.0f32; n * n];
                let mut wide = vec![0.0f64; n * n];
                let (mut off, mut norm) = (0.0, 0.0); // squares over all tokens
                for t in 0..40 {
                    let wave = |f: f32, g: fn(f32) -> f32| -> Vec<f32> {
                        (0..n).map(|j| g(f * (n * t + j) as f32)).collect()
                    };
                    let (r, k, v, mut kk) =
                        (wave(0.7, f32::sin), wave(1.1, f32::cos), wave(0.9, f32::sin), wave(1.3, f32::cos));
                    let length = kk.iter().map(|x| x * x).sum::<f32>().sqrt();
                    kk.iter_mut().for_each(|x| *x /= length);
                    let w: Vec<f32> = wave(0.5, f32::sin).into_iter().map(|x| 0.8 + 0.19 * x).collect();
                    let b: Vec<f32> = kk.iter().map(|x| 0.5 * x).collect();
                    let inputs = Inputs { r: &r, w: &w, k: &k, v: &v, kk: &kk, b: &b };
                    let mut y = vec![0.0; n];
                    isa.run(
                        #[inline(always)]
                        || step(isa, &mut s, inputs, &mut y),
                    );
                    for (y, want) in y.iter().zip(twin(&mut wide, inputs)) {
                        off += (f64::from(*y) - want).powi(2);
                        norm += want.powi(2);
                    }
                }
                let error = f64::sqrt(off / norm);
                assert!(error < 1e-6, "head of {n}: {error:e}");
            }
        }
        on_every_path!(check);
    }
}
