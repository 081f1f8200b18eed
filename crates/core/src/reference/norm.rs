//! Layer norm over all channels, group norm per head. Mean and (biased) variance in f64.

use super::matmul::dot;

/// `(x - mean) / sqrt(variance + eps) * weight + bias`, all `[channels]`.
pub(super) fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f32> {
    let n = x.len() as f64;
    let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
    let scale = 1.0 / (variance + f64::from(eps)).sqrt();
    let normed = x.iter().map(|&x| ((f64::from(x) - mean) * scale) as f32);
    normed.zip(weight).zip(bias).map(|((x, w), b)| x * w + b).collect()
}

/// A layer norm of each head by itself: `x`, `weight`, `bias` are `[heads * head_size]`.
pub(super) fn group_norm(x: &[f32], weight: &[f32], bias: &[f32], head_size: usize, eps: f32) -> Vec<f32> {
    let heads =
        x.chunks_exact(head_size).zip(weight.chunks_exact(head_size)).zip(bias.chunks_exact(head_size));
    heads.flat_map(|((x, weight), bias)| layer_norm(x, weight, bias, eps)).collect()
}

/// `x / max(|x|, 1e-12)`: the removal key of one head has length one.
pub(super) fn l2_normalize(x: &mut [f32]) {
    let scale = 1.0 / dot(x, x).sqrt().max(1e-12);
    for x in x {
        *x = (f64::from(*x) * scale) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normed_vectors_have_mean_zero_and_variance_one() {
        let x: Vec<f32> = (0..64).map(|n| (n as f32 * 0.7).sin() * 3.0 + 5.0).collect();
        let (one, zero) = (vec![1.0; 64], vec![0.0; 64]);
        let y = layer_norm(&x, &one, &zero, 0.0);
        let mean = y.iter().sum::<f32>() / 64.0;
        let variance = y.iter().map(|y| y * y).sum::<f32>() / 64.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6);
        let groups = group_norm(&x, &one, &zero, 32, 0.0);
        assert_eq!(groups[..32], layer_norm(&x[..32], &one[..32], &zero[..32], 0.0));
    }

    #[test]
    fn a_zero_key_stays_zero() {
        let mut x = [0.0; 4];
        l2_normalize(&mut x);
        assert_eq!(x, [0.0; 4]);
        let mut x = [3.0, 4.0];
        l2_normalize(&mut x);
        assert_eq!(x, [0.6, 0.8]);
    }
}
