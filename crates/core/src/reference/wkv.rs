//! The recurrent memory of one head: the generalised delta rule of RWKV-7.

use super::matmul::dot;

/// Advances `s [n (value), n (key)]` by one token and returns the read-out `y [n]`.
///
/// `r` receptance, `w` decay in (0, 1), `k` replacement key, `v` value, `kk` removal key of length one,
/// `a` in-context learning rate times its range; all `[n]`. With the paper's symbols,
/// `S = S (diag(w) - kk^T (a * kk)) + v^T k`, then `y = S r`.
pub(super) fn step(
    s: &mut [f32],
    r: &[f32],
    w: &[f32],
    k: &[f32],
    v: &[f32],
    kk: &[f32],
    a: &[f32],
) -> Vec<f32> {
    let n = r.len();
    let mut y = vec![0.0; n];
    for (i, s) in s.chunks_exact_mut(n).enumerate() {
        let removed = dot(s, kk) as f32; // what the old memory holds along the removal key
        for j in 0..n {
            s[j] = s[j] * w[j] - removed * kk[j] * a[j] + v[i] * k[j];
        }
        y[i] = dot(s, r) as f32;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs from closed formulas, results computed in f64 by an independent program.
    #[test]
    fn five_steps_of_a_small_head_match_recorded_numbers() {
        let n = 4;
        let mut s: Vec<f32> = (0..16).map(|i| 0.1 * (i as f32).sin()).collect();
        let mut ys = Vec::new();
        for t in 0..5 {
            let wave = |f: f64, p: f64, g: fn(f64) -> f64| -> Vec<f64> {
                (0..n).map(|j| g(f * (n * t + j) as f64 + p)).collect()
            };
            let narrow = |x: Vec<f64>| -> Vec<f32> { x.into_iter().map(|x| x as f32).collect() };
            let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
            let u = wave(1.3, 0.5, f64::cos);
            let length = u.iter().map(|u| u * u).sum::<f64>().sqrt();
            let decay = |x: f64| (-(-0.5f64).exp() * sigma(2.0 * x - 1.0)).exp();
            let y = step(
                &mut s,
                &narrow(wave(0.7, 0.1, f64::sin)),
                &narrow(wave(0.5, 0.4, f64::sin).into_iter().map(decay).collect()),
                &narrow(wave(1.1, 0.2, f64::sin)),
                &narrow(wave(0.9, 0.3, f64::cos)),
                &narrow(u.iter().map(|u| u / length).collect()),
                &narrow(wave(0.3, 0.6, f64::sin).into_iter().map(sigma).collect()),
            );
            ys.push(y);
        }
        let close = |got: &[f32], want: [f64; 4]| {
            for (got, want) in got.iter().zip(want) {
                assert!((f64::from(*got) - want).abs() < 1e-6, "{got} for {want}");
            }
        };
        close(&ys[0], [1.101985418452, 0.344777847936, -0.534973010913, -1.063350443078]);
        close(&ys[4], [-1.213748274154, -2.035720721764, -1.329806290073, 0.393573559673]);
        close(&s[..4], [0.732935590101, 0.077280342889, -0.402390743597, -0.566517276758]);
        close(&s[12..], [-0.339513994356, 0.196175804126, 0.269855250735, 0.187715366005]);
    }
}
