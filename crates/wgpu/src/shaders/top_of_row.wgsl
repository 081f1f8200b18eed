// The largest logits of a row, merged from its sorted lists, one to a lane.

fn place_at(list: u32, n: u32) -> Place {
    let id = results[list + 2u + 2u * n];
    if id == NOTHING.id {
        return NOTHING;
    }
    return Place(key_of(results[list + 3u + 2u * n]), id);
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, lane: Lane) {
    let top = steps[TOP_WORD];
    let source = (steps[FIRST_TOP_WORD] + group.x) * params.vocab;
    let list = params.lists_offset + (group.x * LISTS + lane.index) * params.list_words;
    let row = params.tops_offset + group.x * (1u + 2u * top);

    var own = place_at(list, 0u);
    var next = 1u;
    var shift = 0.0;
    for (var n = 0u; n < top; n++) {
        let taken = first_of_all(own, lane);
        var bits = 0u;
        if taken.key != 0u {
            bits = results[source + taken.id];
        }
        if n == 0u {
            shift = shift_of(taken, bits);
        }
        if lane.index == 0u {
            results[row + 1u + 2u * n] = taken.id;
            results[row + 2u + 2u * n] = bits;
        }
        if own.id == taken.id {
            own = NOTHING;
            if next < top {
                own = place_at(list, next);
            }
            next++;
        }
    }
    let own_sum = bitcast<f32>(results[list + 1u]);
    var part = 0.0;
    if own_sum != 0.0 { // else its shift may be far from that of the row, and nothing times infinity is no number
        part = own_sum * exp(bitcast<f32>(results[list]) - shift);
    }
    let sum = workgroup_sum(part, lane);
    if lane.index == 0u {
        results[row] = bitcast<u32>(shift + log(sum));
    }
}
