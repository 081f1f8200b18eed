// F16: two to a word, unpacked here so that no device needs arithmetic in half precision.
fn eight_weights(row: u32, chunk: u32) -> Eight {
    let words = four_words(row + 4u * chunk);
    return Eight(
        vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y)),
        vec4<f32>(unpack2x16float(words.z), unpack2x16float(words.w)),
    );
}
