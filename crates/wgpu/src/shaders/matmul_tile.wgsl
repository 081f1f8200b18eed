// Products for many tokens: TILE rows by TILE tokens per workgroup, DEPTH columns at a time in workgroup memory, from
// where each of 16 by 16 lanes feeds 4 by 4 sums.

const DEPTH: u32 = 16u;
const PITCH: u32 = TILE + 1u; // of a column in workgroup memory: lanes of one column meet in no bank
const LANES: u32 = 256u;

var<workgroup> w_tile: array<f32, DEPTH * PITCH>; // [columns, rows]
var<workgroup> x_tile: array<f32, DEPTH * PITCH>; // [columns, tokens]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = segment_of_tile(group.x);
    let tokens = steps[params.rows_word];
    let rows = params.segment[s].rows;
    let chunks = params.segment[s].chunks;
    let first_row = (group.x - params.segment[s].first_tile) * TILE;
    let first_token = group.y * TILE;
    let row_lane = lane % 16u;
    let token_lane = lane / 16u;

    // The first half of the lanes brings a chunk of columns of a row each, the others of a token.
    let line = lane / 2u % TILE;
    let row = params.segment[s].weight + min(first_row + line, rows - 1u) * params.segment[s].row_words;
    let token =
        params.segment[s].from_offset + min(first_token + line, tokens - 1u) * params.segment[s].from_stride;
    let at = (lane % 2u) * 8u * PITCH + line;

    var sums: array<vec4<f32>, 4>; // [tokens][rows]
    for (var begin = 0u; begin < chunks; begin += DEPTH / 8u) {
        let chunk = begin + lane % 2u;
        if lane < LANES / 2u {
            var w = Eight();
            if chunk < chunks {
                w = eight_weights(row, chunk);
            }
            for (var n = 0u; n < 4u; n++) {
                w_tile[at + n * PITCH] = w.low[n];
                w_tile[at + (n + 4u) * PITCH] = w.high[n];
            }
        } else {
            var x = Eight();
            if chunk < chunks {
                x = activations(token + 8u * chunk);
            }
            for (var n = 0u; n < 4u; n++) {
                x_tile[at + n * PITCH] = x.low[n];
                x_tile[at + (n + 4u) * PITCH] = x.high[n];
            }
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let base = k * PITCH + row_lane;
            let w = vec4<f32>(w_tile[base], w_tile[base + 16u], w_tile[base + 32u], w_tile[base + 48u]);
            for (var t = 0u; t < 4u; t++) {
                sums[t] += w * x_tile[k * PITCH + token_lane + 16u * t];
            }
        }
        workgroupBarrier();
    }
    for (var t = 0u; t < 4u; t++) {
        let token = first_token + token_lane + 16u * t;
        for (var r = 0u; r < 4u; r++) {
            let row = first_row + row_lane + 16u * r;
            if row < rows && token < tokens {
                store(s, row, token, sums[t][r]);
            }
        }
    }
}
