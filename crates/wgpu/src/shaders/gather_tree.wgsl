// Puts every lane's sums where one lane can add them up; returns how many parts each sum has.
fn gather(sums: ptr<function, array<f32, SUMS>>, lane: Lane) -> u32 {
    for (var n = 0u; n < SUMS; n++) {
        shares[n * WIDTH + lane.index] = (*sums)[n];
    }
    workgroupBarrier();
    return WIDTH;
}
