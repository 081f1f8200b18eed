// The order of logits: falling, equal ones by rising id, what is not a number last.

struct Params {
    vocab: u32,
    lists_offset: u32, // [rows, LISTS, list_words]: shift, sum of the exponentials, then pairs of id and logit
    list_words: u32,
    tops_offset: u32,  // [rows, 1 + 2 * top]: logarithm of the sum of the exponentials, then pairs
    list_length: u32,  // logits of each list but the last ones
    unused_a: u32,
    unused_b: u32,
    unused_c: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

const FIRST_TOP_WORD: u32 = 2u; // of `steps`: the first row of which the largest logits are wanted
const TOP_WORD: u32 = 3u;       // how many of them

struct Place {
    key: u32, // rises with the logit; 0 is no logit, 1 not a number
    id: u32,
}

const NOTHING: Place = Place(0u, 0xffffffffu);
const BEFORE_ALL: Place = Place(0xffffffffu, 0u);
const KEY_OF_NEGATIVE_INFINITY: u32 = 0x007fffffu;

fn key_of(bits: u32) -> u32 {
    let size = bits & 0x7fffffffu;
    if size > 0x7f800000u {
        return 1u;
    }
    if size == 0u || size == bits {
        return size | 0x80000000u;
    }
    return ~bits;
}

fn is_before(a: Place, b: Place) -> bool {
    return a.key > b.key || (a.key == b.key && a.id < b.id);
}

// What is taken off logits before they are exponentiated: the largest, where that is a number.
fn shift_of(largest: Place, bits: u32) -> f32 {
    return select(0.0, bitcast<f32>(bits), largest.key > KEY_OF_NEGATIVE_INFINITY);
}

var<workgroup> keys: array<u32, WIDTH>;
var<workgroup> ids: array<u32, WIDTH>;

// The first of all lanes' places.
fn first_of_all(own: Place, lane: Lane) -> Place {
    workgroupBarrier(); // whoever read the last one has done so
    keys[lane.index] = own.key;
    ids[lane.index] = own.id;
    workgroupBarrier();
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        if lane.index < half {
            let other = Place(keys[lane.index + half], ids[lane.index + half]);
            if is_before(other, Place(keys[lane.index], ids[lane.index])) {
                keys[lane.index] = other.key;
                ids[lane.index] = other.id;
            }
        }
        workgroupBarrier();
    }
    return Place(keys[0], ids[0]);
}
