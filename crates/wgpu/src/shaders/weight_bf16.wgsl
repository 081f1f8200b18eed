// BF16: two to a word, each the upper half of an f32.
fn pair(word: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2<u32>(word << 16u, word & 0xffff0000u));
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let at = row + 4u * chunk;
    return Eight(
        vec4<f32>(pair(weights[at]), pair(weights[at + 1u])),
        vec4<f32>(pair(weights[at + 2u]), pair(weights[at + 3u])),
    );
}
