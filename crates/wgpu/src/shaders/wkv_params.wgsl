// What the kernels of the recurrent memory are told.
struct Params {
    channels: u32,
    stride: u32,       // of a row
    region: u32,       // between r, k, v and between w, a, nu, g
    rkv_offset: u32,   // r, k, v; of the first layer, v is elsewhere
    nets_offset: u32,  // decay, rate, share of the first value, gate
    v_offset: u32,
    first_offset: u32, // the first layer's values
    to_offset: u32,
    vector: u32,       // k_k, k_a, r_k, weight and bias of the group norm
    slot_stride: u32,
    sequences_base: u32, // in `steps`
    eps: f32,
    mixes_value: u32,  // whether the layer has a value residual
    rate_range: f32,   // 1, or up to 2 where a step may reflect
    unused_b: u32,
    unused_c: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

