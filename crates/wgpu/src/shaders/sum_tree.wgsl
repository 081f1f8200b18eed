// The sum over a workgroup of WIDTH lanes, a power of two, by halves.

struct Lane {
    @builtin(local_invocation_index) index: u32,
}

var<workgroup> halves: array<f32, WIDTH>;

fn workgroup_sum(value: f32, lane: Lane) -> f32 {
    workgroupBarrier(); // whoever read the last sum has done so
    halves[lane.index] = value;
    workgroupBarrier();
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        if lane.index < half {
            halves[lane.index] += halves[lane.index + half];
        }
        workgroupBarrier();
    }
    return halves[0];
}
