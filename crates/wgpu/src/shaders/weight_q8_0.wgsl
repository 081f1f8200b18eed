// Q8_0, a block of 32 in 9 words: scale as f16 in a word of its own, signed bytes.
fn signed(word: u32) -> vec4<f32> {
    return vec4<f32>(vec4<i32>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let block = row + 9u * (chunk / 4u);
    let d = low_half(weights[block]);
    let at = block + 1u + 2u * (chunk % 4u);
    return Eight(d * signed(weights[at]), d * signed(weights[at + 1u]));
}
