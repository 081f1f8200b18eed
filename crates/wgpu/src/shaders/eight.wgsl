// Eight neighbouring columns: what every element type yields and every product takes.
struct Eight {
    low: vec4<f32>,
    high: vec4<f32>,
}

fn activations(at: u32) -> Eight {
    return Eight(four_at(at), four_at(at + 4u));
}

// Byte n of a word.
fn bytes(word: u32) -> vec4<u32> {
    return (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
}

fn low_half(word: u32) -> f32 {
    return unpack2x16float(word).x;
}
