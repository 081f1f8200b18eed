// Weights, two words at a time: a software adapter loads every lane's in turn, and so loads half as often.
@group(0) @binding(2) var<storage, read> weights: array<u64>;

// The words at `at`, which is even, and after it.
fn two_words(at: u32) -> vec2<u32> {
    let both = weights[at / 2u];
    return vec2<u32>(u32(both), u32(both >> 32u));
}

// The words at `at`, a multiple of four, and after it.
fn four_words(at: u32) -> vec4<u32> {
    return vec4<u32>(two_words(at), two_words(at + 2u));
}
