// Q4_K, a block of 256 in 36 words, as in the file.
fn eight_weights(row: u32, chunk: u32) -> Eight {
    let block = row + 36u * (chunk / 32u);
    let within = chunk % 32u;
    let group = within / 4u;
    let sm = scale_min(block, group);
    let shift = vec4<u32>(4u * (group % 2u));
    let at = block + 4u + 8u * (group / 2u) + 2u * (within % 4u);
    let low = vec4<f32>((bytes(weights[at]) >> shift) & vec4<u32>(15u));
    let high = vec4<f32>((bytes(weights[at + 1u]) >> shift) & vec4<u32>(15u));
    return Eight(sm.x * low - sm.y, sm.x * high - sm.y);
}
