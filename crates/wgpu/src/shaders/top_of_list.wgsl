// The largest logits of one list of a row. Every lane knows the first of its own that was not yet taken; whoever's is
// taken looks for its next.

fn first_after(source: u32, begin: u32, end: u32, taken: Place) -> Place {
    var first = NOTHING;
    for (var id = begin; id < end; id += WIDTH) {
        let place = Place(key_of(results[source + id]), id);
        if is_before(taken, place) && is_before(place, first) {
            first = place;
        }
    }
    return first;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, lane: Lane) {
    let top = steps[TOP_WORD];
    let source = (steps[FIRST_TOP_WORD] + group.y) * params.vocab;
    let list = params.lists_offset + (group.y * LISTS + group.x) * params.list_words;
    let begin = group.x * params.list_length + lane.index;
    let end = min((group.x + 1u) * params.list_length, params.vocab);

    var own = first_after(source, begin, end, BEFORE_ALL);
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
            results[list + 2u + 2u * n] = taken.id;
            results[list + 3u + 2u * n] = bits;
        }
        if own.id == taken.id && taken.key != 0u {
            own = first_after(source, begin, end, taken);
        }
    }
    var part = 0.0;
    for (var id = begin; id < end; id += WIDTH) {
        part += exp(bitcast<f32>(results[source + id]) - shift);
    }
    let sum = workgroup_sum(part, lane);
    if lane.index == 0u {
        results[list] = bitcast<u32>(shift);
        results[list + 1u] = bitcast<u32>(sum);
    }
}
