// Q5_K, a block of 256 in 44 words, as in the file: Q4_K with a fifth bit per number in words 4 to 11.
fn five_bits(word: u32, fifth: u32, group: u32) -> vec4<f32> {
    let nibble = (bytes(word) >> vec4<u32>(4u * (group % 2u))) & vec4<u32>(15u);
    return vec4<f32>(nibble | (((bytes(fifth) >> vec4<u32>(group)) & vec4<u32>(1u)) << vec4<u32>(4u)));
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let block = row + 44u * (chunk / 32u);
    let within = chunk % 32u;
    let group = within / 4u;
    let sm = scale_min(block, group);
    let lane = 2u * (within % 4u); // words
    let at = block + 12u + 8u * (group / 2u) + lane;
    let fifth = block + 4u + lane;
    return Eight(
        sm.x * five_bits(weights[at], weights[fifth], group) - sm.y,
        sm.x * five_bits(weights[at + 1u], weights[fifth + 1u], group) - sm.y,
    );
}
