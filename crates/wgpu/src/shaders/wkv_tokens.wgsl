// The recurrent memory over many tokens: one workgroup per head and sequence. Four lanes share two rows of the head's
// memory, a quarter of the columns each, and keep them in registers. Tokens come in groups of GROUP: what each needs of
// all channels is computed for the whole group at once, and so is what becomes of its read-out; in between, from token
// to token, lanes only multiply and exchange sums within their four. Heads are powers of two, and the lanes that share a
// token are of one subgroup.

const GROUP: u32 = 8u;                // tokens
const LANES: u32 = 2u * HEAD_SIZE;
const FOURS: u32 = HEAD_SIZE / 4u;    // of a head's channels
const PER_TOKEN: u32 = LANES / GROUP; // lanes that share a token before and after, a four of channels each
// COLUMNS: fours of a lane in between.

var<workgroup> r_of: array<vec4<f32>, GROUP * FOURS>;    // [tokens, channels]
var<workgroup> w_of: array<vec4<f32>, GROUP * FOURS>;
var<workgroup> k_of: array<vec4<f32>, GROUP * FOURS>;
var<workgroup> kk_of: array<vec4<f32>, GROUP * FOURS>;   // removal key, of length one
var<workgroup> rate_of: array<vec4<f32>, GROUP * FOURS>; // times that
var<workgroup> v_of: array<f32, GROUP * HEAD_SIZE>;
var<workgroup> y_of: array<f32, GROUP * HEAD_SIZE>;

// The sum over the neighbouring lanes that share a token.
fn shared_sum(value: f32) -> f32 {
    var sum = value;
    for (var step = 1u; step < PER_TOKEN; step *= 2u) {
        sum += subgroupShuffleXor(sum, step);
    }
    return sum;
}

// What a lane brings of its token.
struct Raw {
    r: vec4<f32>,
    w: vec4<f32>,
    key: vec4<f32>,
    v: vec4<f32>,
    first_v: vec4<f32>,
    a: vec4<f32>,
    share: vec4<f32>,
    gate: vec4<f32>,
}

fn load(at: u32) -> Raw {
    let v = four_at(params.v_offset + at);
    var raw = Raw(
        four_at(params.rkv_offset + at),
        four_at(params.nets_offset + at),
        four_at(params.rkv_offset + params.region + at),
        v,
        v,
        four_at(params.nets_offset + params.region + at),
        vec4<f32>(),
        four_at(params.nets_offset + 3u * params.region + at),
    );
    if params.mixes_value != 0u {
        raw.first_v = four_at(params.first_offset + at);
        raw.share = four_at(params.nets_offset + 2u * params.region + at);
    }
    return raw;
}

fn vector_at(which: u32, channel: u32) -> vec4<f32> {
    let at = params.vector + which * params.channels + channel;
    return vec4<f32>(vectors[at], vectors[at + 1u], vectors[at + 2u], vectors[at + 3u]);
}

fn total(x: vec4<f32>) -> f32 {
    return dot(x, vec4<f32>(1.0));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) subgroup_size: u32,
    @builtin(subgroup_invocation_id) within: u32,
) {
    // So that lanes that exchange are of one subgroup.
    let lane = min(subgroup * subgroup_size + within, LANES - 1u);
    let c = params.channels;
    let sequence = params.sequences_base + 4u * group.y;
    let first = steps[sequence];
    let end = first + steps[sequence + 1u];

    // In between.
    let quarter = lane % 4u;
    let row = lane / 4u; // and half the head further
    let memory = steps[sequence + 2u] * params.slot_stride + 4u * c + group.x * HEAD_SIZE * HEAD_SIZE + row;
    //for f in COLUMNS
    var s_0_{f} = vec4<f32>();
    var s_1_{f} = vec4<f32>();
    //for e in FOUR
    s_0_{f}[{e}u] = state[memory + (4u * (quarter + 4u * {f}u) + {e}u) * HEAD_SIZE];
    s_1_{f}[{e}u] = state[memory + (4u * (quarter + 4u * {f}u) + {e}u) * HEAD_SIZE + HEAD_SIZE / 2u];
    //end
    //end

    // Before and after.
    let own_token = lane / PER_TOKEN;
    let own_four = lane % PER_TOKEN;
    let channel = group.x * HEAD_SIZE + 4u * own_four;
    let k_k = vector_at(0u, channel);
    let k_a = vector_at(1u, channel);
    let r_k = vector_at(2u, channel);
    let weight = vector_at(3u, channel);
    let bias = vector_at(4u, channel);
    let place = own_token * FOURS + own_four;
    var raw = load(min(first + own_token, end - 1u) * params.stride + channel);
    for (var begin = first; begin < end; begin += GROUP) {
        let own = raw;
        let k = own.key * (1.0 + (own.a - 1.0) * k_a);
        let kk = own.key * k_k;
        let v = own.v + (own.first_v - own.v) * own.share;
        let scale = 1.0 / max(sqrt(shared_sum(dot(kk, kk))), 1e-12);
        let bonus = shared_sum(dot(own.r * k, r_k));
        r_of[place] = own.r;
        w_of[place] = own.w;
        k_of[place] = k;
        kk_of[place] = kk * scale;
        rate_of[place] = kk * scale * own.a * params.rate_range;
        //for e in FOUR
        v_of[4u * place + {e}u] = v[{e}u];
        //end
        workgroupBarrier();
        // The next group's, on their way while this one is gone through.
        raw = load(min(begin + GROUP + own_token, end - 1u) * params.stride + channel);

        let count = min(GROUP, end - begin);
        for (var t = 0u; t < count; t++) {
            let at = t * FOURS + quarter;
            var removed = vec2<f32>();
            //for f in COLUMNS
            {
                let kk = kk_of[at + 4u * {f}u];
                removed += vec2<f32>(dot(s_0_{f}, kk), dot(s_1_{f}, kk));
            }
            //end
            removed += subgroupShuffleXor(removed, 1u);
            removed += subgroupShuffleXor(removed, 2u);
            let value = vec2<f32>(v_of[t * HEAD_SIZE + row], v_of[t * HEAD_SIZE + row + HEAD_SIZE / 2u]);
            var y = vec2<f32>();
            //for f in COLUMNS
            {
                let w = w_of[at + 4u * {f}u];
                let k = k_of[at + 4u * {f}u];
                let r = r_of[at + 4u * {f}u];
                let rate = rate_of[at + 4u * {f}u];
                s_0_{f} = s_0_{f} * w - removed.x * rate + value.x * k;
                s_1_{f} = s_1_{f} * w - removed.y * rate + value.y * k;
                y += vec2<f32>(dot(s_0_{f}, r), dot(s_1_{f}, r));
            }
            //end
            y += subgroupShuffleXor(y, 1u);
            y += subgroupShuffleXor(y, 2u);
            if quarter < 2u {
                y_of[t * HEAD_SIZE + row + quarter * (HEAD_SIZE / 2u)] = y[quarter];
            }
        }
        workgroupBarrier();

        let y = vec4<f32>(y_of[4u * place], y_of[4u * place + 1u], y_of[4u * place + 2u], y_of[4u * place + 3u]);
        let mean = shared_sum(total(y)) / f32(HEAD_SIZE);
        let deviation = sqrt(shared_sum(dot(y - mean, y - mean)) / f32(HEAD_SIZE) + params.eps);
        if begin + own_token < end {
            let normed = (y - mean) / deviation * weight + bias;
            let to = params.to_offset + (begin + own_token) * params.stride + channel;
            put_four(to, (normed + bonus * v) * own.gate);
        }
    }
    //for f in COLUMNS
    //for e in FOUR
    state[memory + (4u * (quarter + 4u * {f}u) + {e}u) * HEAD_SIZE] = s_0_{f}[{e}u];
    state[memory + (4u * (quarter + 4u * {f}u) + {e}u) * HEAD_SIZE + HEAD_SIZE / 2u] = s_1_{f}[{e}u];
    //end
    //end
}
