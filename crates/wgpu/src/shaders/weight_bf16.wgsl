// BF16: two to a word, each the upper half of an f32.
fn four(words: vec2<u32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(
        words.x << 16u, words.x & 0xffff0000u,
        words.y << 16u, words.y & 0xffff0000u,
    ));
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let at = row + 4u * chunk;
    return Eight(four(two_words(at)), four(two_words(at + 2u)));
}
