// Q4_K and Q5_K: word 0 of a block holds two f16, d and dmin; words 1 to 3 a 6-bit scale and a 6-bit minimum for each
// of eight groups of 32.
fn packed_byte(block: u32, n: u32) -> u32 {
    return (weights[block + 1u + n / 4u] >> (8u * (n % 4u))) & 255u;
}

fn scale_min(block: u32, group: u32) -> vec2<f32> {
    var pair = vec2<u32>();
    if group < 4u {
        pair = vec2<u32>(packed_byte(block, group) & 63u, packed_byte(block, group + 4u) & 63u);
    } else {
        let both = packed_byte(block, group + 4u);
        pair.x = (both & 15u) | ((packed_byte(block, group - 4u) >> 6u) << 4u);
        pair.y = (both >> 4u) | ((packed_byte(block, group) >> 6u) << 4u);
    }
    return unpack2x16float(weights[block]) * vec2<f32>(pair);
}
