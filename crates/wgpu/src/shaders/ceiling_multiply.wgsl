// Multiplies and adds as fast as it can: COUNT chains of four numbers and ROUNDS steps a lane, none of
// which waits for another.

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) index: u32) {
    let factor = vec4<f32>(1.0 - f32(index) * 1e-6);
    let summand = factor * 1e-3;
    //for n in COUNT
    var sum_{n} = summand * {n}.0;
    //end
    for (var round = 0u; round < ROUNDS; round++) {
        //for n in COUNT
        sum_{n} = fma(sum_{n}, factor, summand);
        //end
    }
    var sum = vec4<f32>();
    //for n in COUNT
    sum += sum_{n};
    //end
    // Never so, but only arithmetic knows.
    if sum.x == 12345.0 {
        results[0] = 1u;
    }
}
