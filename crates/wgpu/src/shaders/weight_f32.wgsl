// F32: eight words a chunk.
fn four(low: vec2<u32>, high: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(bitcast<vec2<f32>>(low), bitcast<vec2<f32>>(high));
}

fn eight_weights(row: u32, chunk: u32) -> Eight {
    let at = row + 8u * chunk;
    return Eight(
        four(two_words(at), two_words(at + 2u)),
        four(two_words(at + 4u), two_words(at + 6u)),
    );
}
