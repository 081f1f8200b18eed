// The sum over a workgroup of WIDTH lanes: within subgroups by the device, then over the subgroups.

struct Lane {
    @builtin(local_invocation_index) index: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) within: u32,
}

var<workgroup> subgroup_sums: array<f32, WIDTH>; // [subgroups], however small they are

fn workgroup_sum(value: f32, lane: Lane) -> f32 {
    let share = subgroupAdd(value);
    workgroupBarrier(); // whoever read the last sum has done so
    if lane.within == 0u {
        subgroup_sums[lane.subgroup] = share;
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var n = 0u; n < lane.subgroups; n++) {
        sum += subgroup_sums[n];
    }
    return sum;
}
