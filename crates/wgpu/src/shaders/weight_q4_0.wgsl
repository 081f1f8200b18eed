// Q4_0, a block of 32 in 5 words: scale as f16 in a word of its own; low nibbles hold numbers 0..16, high ones 16..32.
fn nibbles(word: u32, shift: u32) -> vec4<f32> {
    return vec4<f32>((bytes(word) >> vec4<u32>(shift)) & vec4<u32>(15u)) - 8.0;
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let block = row + 5u * (chunk / 4u);
    let d = low_half(weights[block]);
    let part = chunk % 4u;
    let at = block + 1u + 2u * (part % 2u);
    let shift = 4u * (part / 2u);
    return Eight(d * nibbles(weights[at], shift), d * nibbles(weights[at + 1u], shift));
}
