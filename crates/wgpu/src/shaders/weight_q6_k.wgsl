// Q6_K, a block of 256 in 53 words: 32 words of low nibbles, 16 of upper pairs of bits, 4 of signed scales per 16
// numbers, and the f16 scale of scales in a word of its own.
fn six_bits(low: u32, high: u32, group: u32) -> vec4<f32> {
    let nibble = (bytes(low) >> vec4<u32>(4u * (group / 2u))) & vec4<u32>(15u);
    let upper = (bytes(high) >> vec4<u32>(2u * group)) & vec4<u32>(3u);
    return vec4<f32>(nibble | (upper << vec4<u32>(4u))) - 32.0;
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let block = row + 53u * (chunk / 32u);
    let within = chunk % 32u;
    let half = within / 16u;
    let group = (within % 16u) / 4u;
    let lane = 2u * (within % 4u); // words
    let index = within / 2u; // of the scale
    let scale = (i32(weights[block + 48u + index / 4u]) << (24u - 8u * (index % 4u))) >> 24u;
    let d = low_half(weights[block + 52u]) * f32(scale);
    let low = block + 16u * half + 8u * (group % 2u) + lane;
    let high = block + 32u + 8u * half + lane;
    return Eight(
        d * six_bits(weights[low], weights[high], group),
        d * six_bits(weights[low + 1u], weights[high + 1u], group),
    );
}
