// F16: two to a word, unpacked here so that no device needs arithmetic in half precision.
fn four(words: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let at = row + 4u * chunk;
    return Eight(four(two_words(at)), four(two_words(at + 2u)));
}
