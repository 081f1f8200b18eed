// Layer norm of whole rows: of the embedding (in place), and of the rows whose logits are wanted.

struct Params {
    channels: u32,
    stride: u32,
    from_offset: u32,
    to_offset: u32,
    rows_base: u32, // where `steps` lists the rows; 0: row n is row n
    eps: f32,
    vector: u32,    // weight, then bias
    unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, lane: Lane) {
    let c = params.channels;
    var row = group.x;
    if params.rows_base != 0u {
        row = steps[params.rows_base + group.x];
    }
    let source = params.from_offset + row * params.stride;
    let target_row = params.to_offset + group.x * params.stride;
    let own = scaling(source, c, params.eps, lane);
    for (var n = lane.index; n < c; n += WIDTH) {
        let normed = (act[source + n] - own.x) * own.y;
        act[target_row + n] = normed * vectors[params.vector + n] + vectors[params.vector + c + n];
    }
}
