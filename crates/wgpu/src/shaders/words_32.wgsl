// Weights, one word at a time.
@group(0) @binding(2) var<storage, read> weights: array<u32>;

// The words at `at`, which is even, and after it.
fn two_words(at: u32) -> vec2<u32> {
    return vec2<u32>(weights[at], weights[at + 1u]);
}

// The words at `at`, a multiple of four, and after it.
fn four_words(at: u32) -> vec4<u32> {
    return vec4<u32>(two_words(at), two_words(at + 2u));
}
