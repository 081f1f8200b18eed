// A product's matrices: up to SEGMENTS of one element type, each with its own input, output and nonlinearity.
// Rows are outputs; a workgroup's rows all belong to one segment.

struct Segment {
    first_strip: u32, // of STRIP rows, counted over all segments
    first_tile: u32,  // of TILE rows
    rows: u32,
    chunks: u32,      // of 8 columns
    weight: u32,      // first word
    row_words: u32,
    from_offset: u32,
    from_stride: u32,
    to_offset: u32,
    to_stride: u32,
    end: u32,         // one of the ENDs
    bias: u32,        // in `vectors`
}

struct Params {
    segments: u32,
    rows_word: u32, // which word of `steps` says how many rows of activations there are
    input_scale: f32, // of activations where they become f16: their numbers stay in its range
    unused: u32,
    segment: array<Segment, SEGMENTS>,
}

@group(0) @binding(0) var<uniform> params: Params;

// What happens to a sum before it is stored.
const END_PLAIN: u32 = 0u;
const END_TANH: u32 = 1u;
const END_SIGMOID: u32 = 2u;
const END_SQUARED_RELU: u32 = 3u;
const END_ADD: u32 = 4u;
const END_BIASED_SIGMOID: u32 = 5u;
const END_DECAY: u32 = 6u;
const END_LOGITS: u32 = 7u;

// The segment that a tile belongs to.
fn segment_of_tile(tile: u32) -> u32 {
    var s = 0u;
    for (var n = 1u; n < params.segments; n++) {
        s = select(s, n, params.segment[n].first_tile <= tile);
    }
    return s;
}

fn store(s: u32, row: u32, token: u32, sum: f32) {
    let to = params.segment[s].to_offset + token * params.segment[s].to_stride + row;
    switch params.segment[s].end {
        case END_TANH: { put(to, hyperbolic_tangent(sum)); }
        case END_SIGMOID: { put(to, sigmoid(sum)); }
        case END_SQUARED_RELU: {
            // Not `max`, which would turn a NaN into zero and hide a broken model.
            put(to, select(sum * sum, 0.0, sum < 0.0));
        }
        case END_ADD: { put(to, number_at(to) + sum); }
        case END_BIASED_SIGMOID: { put(to, sigmoid(sum + vectors[params.segment[s].bias + row])); }
        case END_DECAY: {
            put(to, exp(-DECAY_SCALE * sigmoid(sum + vectors[params.segment[s].bias + row])));
        }
        case END_LOGITS: { results[to] = bitcast<u32>(sum); }
        default: { put(to, sum); }
    }
}
