//! A layer's vectors, one after the other in one buffer as f32.

use wkv7_core::{Layer, Norm, Tensor};

/// Where each vector of a layer begins, in vectors of `channels`. What a kernel reads together lies together.
pub(crate) mod place {
    /// `ln1`, then the shifts of receptance, decay, key, value, rate, gate.
    pub(crate) const TIME_MIX: usize = 0;
    /// `ln2`, then the shift of the key.
    pub(crate) const CHANNEL_MIX: usize = 8;
    /// Biases of decay, rate, value residual.
    pub(crate) const DECAY: usize = 11;
    pub(crate) const RATE: usize = 12;
    pub(crate) const VALUE: usize = 13;
    /// `k_k`, `k_a`, `r_k`, group norm.
    pub(crate) const WKV: usize = 14;
    /// Vectors in all.
    pub(crate) const COUNT: usize = 19;
}

/// `[COUNT, channels]` of a layer, as bytes.
pub(crate) fn of_layer(layer: &Layer, channels: usize) -> Vec<u8> {
    let mix = &layer.time_mix;
    let bias = |tensor: Option<&Tensor>| tensor.map_or_else(|| vec![0.0; channels], Tensor::to_f32);
    let value = mix.value_residual.as_ref().and_then(|net| net.bias.as_ref());
    let vectors = [
        [layer.ln1.weight.to_f32(), layer.ln1.bias.to_f32()].concat(),
        [&mix.x_r, &mix.x_w, &mix.x_k, &mix.x_v, &mix.x_a, &mix.x_g].map(Tensor::to_f32).concat(),
        [layer.ln2.weight.to_f32(), layer.ln2.bias.to_f32(), layer.channel_mix.x_k.to_f32()].concat(),
        [bias(mix.decay.bias.as_ref()), bias(mix.rate.bias.as_ref()), bias(value)].concat(),
        [&mix.k_k, &mix.k_a, &mix.r_k, &mix.ln_x.weight, &mix.ln_x.bias].map(Tensor::to_f32).concat(),
    ];
    bytes(&vectors.concat())
}

/// Weights and biases of norms, as bytes.
pub(crate) fn of_norms(norms: &[&Norm]) -> Vec<u8> {
    let numbers: Vec<f32> =
        norms.iter().flat_map(|norm| [norm.weight.to_f32(), norm.bias.to_f32()].concat()).collect();
    bytes(&numbers)
}

/// Numbers as the device reads them.
pub(crate) fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}
