// F32: eight words a chunk.
fn eight_weights(row: u32, chunk: u32) -> Eight {
    let at = row + 8u * chunk;
    return Eight(bitcast<vec4<f32>>(four_words(at)), bitcast<vec4<f32>>(four_words(at + 4u)));
}
