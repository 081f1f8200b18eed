// F16: two to a word, unpacked here so that no device needs arithmetic in half precision.
fn eight_weights(row: u32, chunk: u32) -> Eight {
    let at = row + 4u * chunk;
    return Eight(
        vec4<f32>(unpack2x16float(weights[at]), unpack2x16float(weights[at + 1u])),
        vec4<f32>(unpack2x16float(weights[at + 2u]), unpack2x16float(weights[at + 3u])),
    );
}
