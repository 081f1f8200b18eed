// F32: eight words a chunk.
fn eight_weights(row: u32, chunk: u32) -> Eight {
    let at = row + 8u * chunk;
    return Eight(
        bitcast<vec4<f32>>(vec4<u32>(weights[at], weights[at + 1u], weights[at + 2u], weights[at + 3u])),
        bitcast<vec4<f32>>(vec4<u32>(weights[at + 4u], weights[at + 5u], weights[at + 6u], weights[at + 7u])),
    );
}
