// Reads memory as fast as it can: a workgroup takes COUNT times WIDTH fours of words that lie together.

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let first = group.x * COUNT * WIDTH + index;
    //for n in COUNT
    let words_{n} = four_words(4u * (first + {n}u * WIDTH));
    //end
    var mixed = vec4<u32>();
    //for n in COUNT
    mixed = mixed ^ words_{n};
    //end
    // Never so, but only memory knows.
    if all(mixed == vec4<u32>(1u, 2u, 3u, 4u)) {
        results[0] = 1u;
    }
}
