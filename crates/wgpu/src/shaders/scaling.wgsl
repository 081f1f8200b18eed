// The mean of a row of activations, and one over its standard deviation.

fn scaling(source: u32, channels: u32, eps: f32, lane: Lane) -> vec2<f32> {
    var part = 0.0;
    for (var n = lane.index; n < channels; n += WIDTH) {
        part += act[source + n];
    }
    let mean = workgroup_sum(part, lane) / f32(channels);
    part = 0.0;
    for (var n = lane.index; n < channels; n += WIDTH) {
        let d = act[source + n] - mean;
        part += d * d;
    }
    return vec2<f32>(mean, 1.0 / sqrt(workgroup_sum(part, lane) / f32(channels) + eps));
}

