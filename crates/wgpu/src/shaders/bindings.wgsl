// What every kernel is given; one layout for all, so that one pipeline layout serves the whole program.
// Before this text come the constants that the host chooses, after it the kernel.

// Bindings 1, activations, and 2, part of a group of matrices, are declared by what reads them.
@group(0) @binding(3) var<storage, read> vectors: array<f32>;      // the layer's, one after the other
@group(0) @binding(4) var<storage, read_write> state: array<f32>;  // the layer's, [slots, slot_stride]
@group(0) @binding(5) var<storage, read> steps: array<u32>;        // what this pass does
@group(0) @binding(6) var<storage, read_write> results: array<u32>; // logits as bits, [rows, vocab], then the largest

// Flags of a token in `steps`, of which the second word is its slot.
const FIRST: u32 = 1u;  // of its sequence in this pass: its past is in the state
const LAST: u32 = 2u;   // likewise: it becomes the past
const PARITY: u32 = 4u; // which of the slot's two pasts is to be read; the other is written

const DECAY_SCALE: f32 = 0.60653066; // exp(-0.5): keeps every decay in (0.545, 1)

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-x));
}

// From exp alone: a device's own tanh may be off by 1e-5 and overflow for large numbers.
fn hyperbolic_tangent(x: f32) -> f32 {
    let size = abs(x);
    let square = x * x;
    let small = x * (1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0 - square * (17.0 / 315.0))));
    let e = exp(-2.0 * min(size, 20.0));
    return select(sign(x) * (1.0 - e) / (1.0 + e), small, size < 0.1);
}
