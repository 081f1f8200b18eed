// BF16: two to a word, each the upper half of an f32.
fn four(low: u32, high: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(low << 16u, low & 0xffff0000u, high << 16u, high & 0xffff0000u));
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let words = four_words(row + 4u * chunk);
    return Eight(four(words.x, words.y), four(words.z, words.w));
}
