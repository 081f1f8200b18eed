// Products for few tokens. A workgroup takes STRIP rows and TOKENS tokens; its lanes share the columns, so that every
// weight is read once per TOKENS tokens and neighbours read neighbouring words.

const SUMS: u32 = STRIP * TOKENS;

var<workgroup> shares: array<f32, SUMS * WIDTH>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, lane: Lane) {
    var s = 0u;
    for (var n = 1u; n < params.segments; n++) {
        s = select(s, n, params.segment[n].first_strip <= group.x);
    }
    let tokens = steps[params.rows_word];
    let rows = params.segment[s].rows;
    let chunks = params.segment[s].chunks;
    let row_words = params.segment[s].row_words;
    let from_stride = params.segment[s].from_stride;
    let first_row = (group.x - params.segment[s].first_strip) * STRIP;
    let first_token = group.y * TOKENS;

    var sums: array<f32, SUMS>;
    for (var chunk = lane.index; chunk < chunks; chunk += WIDTH) {
        var x: array<Eight, TOKENS>;
        for (var t = 0u; t < TOKENS; t++) {
            let token = min(first_token + t, tokens - 1u);
            x[t] = activations(params.segment[s].from_offset + token * from_stride + 8u * chunk);
        }
        for (var r = 0u; r < STRIP; r++) {
            let row = min(first_row + r, rows - 1u);
            let w = eight_weights(params.segment[s].weight + row * row_words, chunk);
            for (var t = 0u; t < TOKENS; t++) {
                sums[r * TOKENS + t] += dot(w.low, x[t].low) + dot(w.high, x[t].high);
            }
        }
    }
    let parts = gather(&sums, lane);
    for (var at = lane.index; at < SUMS; at += WIDTH) {
        let row = first_row + at / TOKENS;
        let token = first_token + at % TOKENS;
        if row < rows && token < tokens {
            var sum = 0.0;
            for (var n = 0u; n < parts; n++) {
                sum += shares[at * WIDTH + n];
            }
            store(s, row, token, sum);
        }
    }
}
