// Weights, four words at a time: what a lane of a graphics card loads at once.
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;

// The words at `at`, a multiple of four, and after it.
fn four_words(at: u32) -> vec4<u32> {
    return weights[at / 4u];
}
