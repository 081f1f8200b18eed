// Activations, in regions, one number at a time.
@group(0) @binding(1) var<storage, read_write> act: array<f32>;

fn number_at(at: u32) -> f32 {
    return act[at];
}

fn put(at: u32, number: f32) {
    act[at] = number;
}

// The numbers at `at`, a multiple of four, and after it.
fn four_at(at: u32) -> vec4<f32> {
    return vec4<f32>(act[at], act[at + 1u], act[at + 2u], act[at + 3u]);
}
