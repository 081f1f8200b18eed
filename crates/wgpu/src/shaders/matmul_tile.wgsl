// Products for many tokens: TILE rows by TILE tokens per workgroup, TILE columns at a time in workgroup memory, from
// where each of 8 by 8 lanes feeds 4 by 4 sums.

const PITCH: u32 = TILE + 1u; // of a column in workgroup memory: lanes of one column meet in no bank

var<workgroup> w_tile: array<f32, TILE * PITCH>; // [columns, rows]
var<workgroup> x_tile: array<f32, TILE * PITCH>; // [columns, tokens]

fn spread(at: u32, eight: Eight, is_weight: bool) {
    for (var n = 0u; n < 4u; n++) {
        if is_weight {
            w_tile[at + n * PITCH] = eight.low[n];
            w_tile[at + (n + 4u) * PITCH] = eight.high[n];
        } else {
            x_tile[at + n * PITCH] = eight.low[n];
            x_tile[at + (n + 4u) * PITCH] = eight.high[n];
        }
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var s = 0u;
    for (var n = 1u; n < params.segments; n++) {
        s = select(s, n, params.segment[n].first_tile <= group.x);
    }
    let tokens = steps[params.rows_word];
    let rows = params.segment[s].rows;
    let chunks = params.segment[s].chunks;
    let first_row = (group.x - params.segment[s].first_tile) * TILE;
    let first_token = group.y * TILE;
    let row_lane = lane % 8u;
    let token_lane = lane / 8u;

    var sums: array<vec4<f32>, 4>; // [tokens][rows]
    for (var begin = 0u; begin < chunks; begin += TILE / 8u) {
        // Each lane brings the same chunk of columns of two rows and two tokens.
        let chunk = begin + lane % 4u;
        for (var n = 0u; n < 2u; n++) {
            let line = lane / 4u + 16u * n;
            let at = (lane % 4u) * 8u * PITCH + line;
            var w = Eight();
            var x = Eight();
            if chunk < chunks {
                let row = min(first_row + line, rows - 1u);
                w = eight_weights(params.segment[s].weight + row * params.segment[s].row_words, chunk);
                let token = min(first_token + line, tokens - 1u);
                x = activations(params.segment[s].from_offset + token * params.segment[s].from_stride + 8u * chunk);
            }
            spread(at, w, true);
            spread(at, x, false);
        }
        workgroupBarrier();
        for (var k = 0u; k < TILE; k++) {
            let base = k * PITCH + row_lane;
            let w = vec4<f32>(w_tile[base], w_tile[base + 8u], w_tile[base + 16u], w_tile[base + 24u]);
            for (var t = 0u; t < 4u; t++) {
                sums[t] += w * x_tile[k * PITCH + token_lane + 8u * t];
            }
        }
        workgroupBarrier();
    }
    for (var t = 0u; t < 4u; t++) {
        let token = first_token + token_lane + 8u * t;
        for (var r = 0u; r < 4u; r++) {
            let row = first_row + row_lane + 8u * r;
            if row < rows && token < tokens {
                store(s, row, token, sums[t][r]);
            }
        }
    }
}
