// Layer norm and token shift: h + (previous - h) * x for each of MIXES vectors x. One workgroup per token.
//
// The previous token's h is computed again from its row, which costs less than a dispatch that would store it first.
// The last token's becomes the past: the state keeps two, so that no workgroup reads what another writes.

struct Params {
    channels: u32,
    stride: u32,      // of a row
    from_offset: u32, // [tokens, stride]
    to_offset: u32,   // [MIXES, to_region]
    to_region: u32,
    vector: u32,      // weight, bias, then MIXES shifts
    kind: u32,        // 0: the past of the time mix, 1: of the channel mix
    slot_stride: u32,
    tokens_base: u32, // in `steps`
    eps: f32,
    unused: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, lane: Lane) {
    let c = params.channels;
    let flags = steps[params.tokens_base + 2u * group.x];
    let slot = steps[params.tokens_base + 2u * group.x + 1u] * params.slot_stride;
    let first = (flags & FIRST) != 0u;
    let parity = (flags & PARITY) / PARITY;
    let read = slot + (2u * parity + params.kind) * c;
    let write = slot + (2u * (1u - parity) + params.kind) * c;

    let source = params.from_offset + group.x * params.stride;
    let before = select(source - params.stride, source, first);
    let own = scaling(source, c, params.eps, lane);
    let past = scaling(before, c, params.eps, lane);
    for (var n = lane.index; n < c; n += WIDTH) {
        let weight = vectors[params.vector + n];
        let bias = vectors[params.vector + c + n];
        let h = (act[source + n] - own.x) * own.y * weight + bias;
        var previous = 0.0;
        if first {
            previous = state[read + n];
        } else {
            previous = (act[before + n] - past.x) * past.y * weight + bias;
        }
        for (var mix = 0u; mix < MIXES; mix++) {
            let x = vectors[params.vector + (2u + mix) * c + n];
            act[params.to_offset + mix * params.to_region + group.x * params.stride + n] = h + (previous - h) * x;
        }
        if (flags & LAST) != 0u {
            state[write + n] = h;
        }
    }
}
