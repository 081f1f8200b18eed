// Activations, in regions, four numbers at a time: what a graphics card loads at once.
@group(0) @binding(1) var<storage, read_write> act: array<vec4<f32>>;

fn number_at(at: u32) -> f32 {
    return act[at / 4u][at % 4u];
}

fn put(at: u32, number: f32) {
    act[at / 4u][at % 4u] = number;
}

// The numbers at `at`, a multiple of four, and after it.
fn four_at(at: u32) -> vec4<f32> {
    return act[at / 4u];
}

fn put_four(at: u32, numbers: vec4<f32>) {
    act[at / 4u] = numbers;
}
