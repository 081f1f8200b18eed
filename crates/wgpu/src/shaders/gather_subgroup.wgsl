// Adds every subgroup's sums and puts them where one lane can add them up; returns how many parts each sum has.
fn gather(sums: ptr<function, array<f32, SUMS>>, lane: Lane) -> u32 {
    for (var n = 0u; n < SUMS; n++) {
        let share = subgroupAdd((*sums)[n]);
        if lane.within == 0u {
            shares[n * WIDTH + lane.subgroup] = share;
        }
    }
    workgroupBarrier();
    return lane.subgroups;
}
