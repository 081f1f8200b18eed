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

    // Written out for every row and token: a loop would index sums in memory, and ask for the segment again and again.
    let weight = params.segment[s].weight;
    let from_offset = params.segment[s].from_offset;
    //for r in STRIP
    let row_{r} = weight + min(first_row + {r}u, rows - 1u) * row_words;
    //end
    //for t in TOKENS
    let token_{t} = from_offset + min(first_token + {t}u, tokens - 1u) * from_stride;
    //end
    var sums: array<f32, SUMS>;
    for (var chunk = lane.index; chunk < chunks; chunk += WIDTH) {
        //for t in TOKENS
        let x_{t} = activations(token_{t} + 8u * chunk);
        //end
        //for r in STRIP
        let w_{r} = eight_weights(row_{r}, chunk);
        //for t in TOKENS
        sums[{r}u * TOKENS + {t}u] += dot(w_{r}.low, x_{t}.low) + dot(w_{r}.high, x_{t}.high);
        //end
        //end
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
