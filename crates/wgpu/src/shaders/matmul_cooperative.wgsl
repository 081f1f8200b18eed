// Products for many tokens by cooperative matrices: TILE rows by TILE tokens per workgroup, DEPTH columns at a time in
// workgroup memory as f16, sums in f32. Each of four subgroups has a quarter of the tile: 2 by 2 matrices of 16 by 16.
// While they multiply, what comes next is already on its way into registers.

const DEPTH: u32 = 64u;              // columns
const CHUNKS: u32 = DEPTH / 8u;
const PITCH: u32 = (DEPTH + 8u) / 4u; // of a line, in fours: lines of one matrix begin in different banks
const LANES: u32 = 128u;
const SUMS_PITCH: u32 = TILE + 4u;

var<workgroup> w_tile: array<vec4<f16>, TILE * PITCH>; // [rows, columns]
var<workgroup> x_tile: array<vec4<f16>, TILE * PITCH>; // [tokens, columns]
var<workgroup> sums: array<f32, TILE * SUMS_PITCH>;    // [tokens, rows]

// Of one lane: a chunk of columns of four rows and four tokens.
struct Load {
    low: vec4<f16>,
    high: vec4<f16>,
}

fn halves(eight: Eight, scale: f32) -> Load {
    return Load(vec4<f16>(eight.low * scale), vec4<f16>(eight.high * scale));
}

fn row_at(s: u32, line: u32) -> u32 {
    return params.segment[s].weight + min(line, params.segment[s].rows - 1u) * params.segment[s].row_words;
}

fn weight_load(row: u32, chunk: u32, chunks: u32) -> Load {
    if chunk >= chunks {
        return Load();
    }
    return halves(eight_weights(row, chunk), 1.0);
}

fn token_load(token: u32, chunk: u32, chunks: u32, scale: f32) -> Load {
    if chunk >= chunks {
        return Load();
    }
    return halves(activations(token + 8u * chunk), scale);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let s = segment_of_tile(group.x);
    let tokens = steps[params.rows_word];
    let rows = params.segment[s].rows;
    let chunks = params.segment[s].chunks;
    let first_row = (group.x - params.segment[s].first_tile) * TILE;
    let first_token = group.y * TILE;
    let scale = params.input_scale;

    // Lanes of eight bring one line of the tile; lines are 16 apart.
    let own = lane % CHUNKS;
    let line = lane / CHUNKS;
    let at = line * PITCH + 2u * own;
    //for n in BROUGHT
    let row_{n} = row_at(s, first_row + line + 16u * {n}u);
    let token_{n} = params.segment[s].from_offset
        + min(first_token + line + 16u * {n}u, tokens - 1u) * params.segment[s].from_stride;
    var w_{n} = weight_load(row_{n}, own, chunks);
    var x_{n} = token_load(token_{n}, own, chunks, scale);
    //end

    let row_half = (subgroup % 2u) * 32u;
    let token_half = (subgroup / 2u) * 32u;
    //for r in TWO
    //for t in TWO
    var sum_{r}_{t} = coop_mat16x16<f32, C>();
    //end
    //end
    for (var begin = 0u; begin < chunks; begin += CHUNKS) {
        //for n in BROUGHT
        w_tile[at + 16u * {n}u * PITCH] = w_{n}.low;
        w_tile[at + 16u * {n}u * PITCH + 1u] = w_{n}.high;
        x_tile[at + 16u * {n}u * PITCH] = x_{n}.low;
        x_tile[at + 16u * {n}u * PITCH + 1u] = x_{n}.high;
        //end
        workgroupBarrier();
        let next = begin + CHUNKS + own;
        //for n in BROUGHT
        w_{n} = weight_load(row_{n}, next, chunks);
        x_{n} = token_load(token_{n}, next, chunks, scale);
        //end
        for (var k = 0u; k < DEPTH / 4u; k += 4u) {
            //for r in TWO
            let a_{r} = coopLoadT<coop_mat16x16<f16, A>>(&w_tile[(row_half + {r}u * 16u) * PITCH + k], PITCH);
            //end
            //for t in TWO
            let b_{t} = coopLoad<coop_mat16x16<f16, B>>(&x_tile[(token_half + {t}u * 16u) * PITCH + k], PITCH);
            //end
            //for r in TWO
            //for t in TWO
            sum_{r}_{t} = coopMultiplyAdd(a_{r}, b_{t}, sum_{r}_{t});
            //end
            //end
        }
        workgroupBarrier();
    }
    //for r in TWO
    //for t in TWO
    coopStore(sum_{r}_{t}, &sums[(token_half + {t}u * 16u) * SUMS_PITCH + row_half + {r}u * 16u], SUMS_PITCH);
    //end
    //end
    workgroupBarrier();
    for (var n = lane; n < TILE * TILE; n += LANES) {
        let row = first_row + n % TILE;
        let token = first_token + n / TILE;
        if row < rows && token < tokens {
            store(s, row, token, sums[(n / TILE) * SUMS_PITCH + n % TILE] / scale);
        }
    }
}
