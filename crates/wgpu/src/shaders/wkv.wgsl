// The recurrent memory: one workgroup per head and sequence, one lane per row of the head's memory, which it keeps for
// all tokens of the sequence. With it the removal key, the value residual, the group norm, the bonus and the gate.

var<workgroup> r_of: array<f32, HEAD_SIZE>;
var<workgroup> w_of: array<f32, HEAD_SIZE>;
var<workgroup> k_of: array<f32, HEAD_SIZE>;
var<workgroup> kk_of: array<f32, HEAD_SIZE>;    // removal key before it is given length one
var<workgroup> rate_of: array<f32, HEAD_SIZE>;  // times that
var<workgroup> bonus_of: array<f32, HEAD_SIZE>;
var<workgroup> y_of: array<f32, HEAD_SIZE>;

@compute @workgroup_size(HEAD_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let c = params.channels;
    let channel = group.x * HEAD_SIZE + i;
    let sequence = params.sequences_base + 4u * group.y;
    let first = steps[sequence];
    let count = steps[sequence + 1u];
    // [head_size (key), head_size (value)]: the other way round than on the host, so that lanes read neighbours.
    let memory = steps[sequence + 2u] * params.slot_stride + 4u * c + group.x * HEAD_SIZE * HEAD_SIZE + i;

    var s: array<f32, HEAD_SIZE>;
    for (var j = 0u; j < HEAD_SIZE; j++) {
        s[j] = state[memory + j * HEAD_SIZE];
    }
    let k_k = vectors[params.vector + channel];
    let k_a = vectors[params.vector + c + channel];
    let r_k = vectors[params.vector + 2u * c + channel];
    let weight = vectors[params.vector + 3u * c + channel];
    let bias = vectors[params.vector + 4u * c + channel];

    for (var t = first; t < first + count; t++) {
        let at = t * params.stride + channel;
        let r = act[params.rkv_offset + at];
        let key = act[params.rkv_offset + params.region + at];
        let a = act[params.nets_offset + params.region + at];
        let k = key * (1.0 + (a - 1.0) * k_a);
        var v = act[params.v_offset + at];
        if params.mixes_value != 0u {
            v += (act[params.first_offset + at] - v) * act[params.nets_offset + 2u * params.region + at];
        }
        r_of[i] = r;
        w_of[i] = act[params.nets_offset + at];
        k_of[i] = k;
        kk_of[i] = key * k_k;
        rate_of[i] = key * k_k * a * params.rate_range;
        bonus_of[i] = r * k * r_k;
        workgroupBarrier();

        var square = 0.0;
        var bonus = 0.0;
        var removed = 0.0;
        for (var j = 0u; j < HEAD_SIZE; j++) {
            square += kk_of[j] * kk_of[j];
            bonus += bonus_of[j];
            removed += s[j] * kk_of[j];
        }
        let scale = 1.0 / max(sqrt(square), 1e-12);
        removed *= scale * scale; // both removal keys are still unscaled
        var y = 0.0;
        for (var j = 0u; j < HEAD_SIZE; j++) {
            s[j] = s[j] * w_of[j] - removed * rate_of[j] + v * k_of[j];
            y += s[j] * r_of[j];
        }
        y_of[i] = y;
        workgroupBarrier();

        var mean = 0.0;
        for (var j = 0u; j < HEAD_SIZE; j++) {
            mean += y_of[j];
        }
        mean /= f32(HEAD_SIZE);
        var variance = 0.0;
        for (var j = 0u; j < HEAD_SIZE; j++) {
            let d = y_of[j] - mean;
            variance += d * d;
        }
        variance /= f32(HEAD_SIZE);
        let normed = (y - mean) / sqrt(variance + params.eps) * weight + bias;
        act[params.to_offset + at] = (normed + bonus * v) * act[params.nets_offset + 3u * params.region + at];
    }
    for (var j = 0u; j < HEAD_SIZE; j++) {
        state[memory + j * HEAD_SIZE] = s[j];
    }
}
