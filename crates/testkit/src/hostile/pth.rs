//! Torch archives that lie: the zip container, the pickle, and what the pickle says about storages.

use super::{Case, case};
use crate::files::toy;
use crate::files::write_pth::{Pickle, View, Zip, archive, archive_in, state_dict};

/// A sound archive; `wide`: with zip64 records.
#[must_use]
pub fn good(wide: bool) -> Vec<u8> {
    let (mut pickle, storages) = state_dict(&toy::model());
    pickle.op(b".");
    archive_in(if wide { Zip::wide() } else { Zip::default() }, &pickle.0, &storages)
}

/// The good archive with `value` at `back` bytes before its end.
fn end_record(wide: bool, back: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = good(wide);
    let at = bytes.len() - back;
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

fn zip_of(build: impl FnOnce(&mut Zip)) -> Vec<u8> {
    let mut zip = Zip::default();
    build(&mut zip);
    zip.end()
}

/// An archive with a member of that name beside a good pickle.
fn named(name: &str) -> Vec<u8> {
    zip_of(|zip| {
        zip.add("toy/data.pkl", b"\x80\x02}.");
        zip.add(name, b"data");
    })
}

/// An archive whose directory claims a member `toy/data/0` of `size` bytes with its header at `local`.
fn claimed(size: u64, local: u64) -> Vec<u8> {
    let mut zip = Zip::wide();
    zip.add("toy/data.pkl", b"\x80\x02}.");
    zip.entry("toy/data/0", size, 0, local);
    zip.end()
}

fn many_members(count: u64) -> Vec<u8> {
    let mut zip = Zip::wide();
    zip.add("toy/data.pkl", b"\x80\x02}.");
    for n in 1..count {
        zip.entry(&format!("{n:06x}"), 0, 0, 0);
    }
    zip.end()
}

/// Without zip64 the end record is 22 bytes: count at 10, size at 12, offset at 16. With it, the zip64
/// end record of 56 bytes (count at 32, size at 40, offset at 48) and the locator of 20 stand before.
///
/// Archives whose directory or members are not what they say.
#[must_use]
pub fn containers_that_lie() -> Vec<Case> {
    let all = u64::MAX.to_le_bytes();
    vec![
        case("end record alone", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), &["data.pkl"]),
        case("magic alone", b"PK\x03\x04".to_vec(), &["end record", "cut short"]),
        case("count 65535", end_record(false, 12, &[0xff; 2]), &["claims 65535 members"]),
        case("count too small", end_record(false, 12, &[1, 0]), &["goes on after the 1 members"]),
        case("size 2^32-1", end_record(false, 10, &[0xff; 4]), &["directory of 4294967295 bytes"]),
        case("offset 2^31", end_record(false, 6, &[0, 0, 0, 0x80]), &["offset 2147483648"]),
        case("a second disk", end_record(false, 18, &[1, 0]), &["several disks"]),
        case("a comment that is not there", end_record(false, 2, &[9, 0]), &["end record"]),
        case("zip64 count 2^64-1", end_record(true, 98 - 32, &all), &["claims 18446744073709551615 members"]),
        case(
            "zip64 size 2^64-1",
            end_record(true, 98 - 40, &all),
            &["directory of 18446744073709551615 bytes"],
        ),
        case(
            "zip64 size 2^63",
            end_record(true, 98 - 40, &(1u64 << 63).to_le_bytes()),
            &["9223372036854775808"],
        ),
        case("zip64 offset 2^64-1", end_record(true, 98 - 48, &all), &["offset 18446744073709551615"]),
        case("zip64 locator 2^64-1", end_record(true, 22 + 12, &all), &["no zip64 end record"]),
        case("10^6 members claimed", members_claimed(), &["claims 1000000 members"]),
        case("10^6 members", many_members(1_000_000), &["claims 1000000 members, expected at most 100000"]),
        case(
            "compressed",
            zip_of(|zip| zip.add_as("toy/data.pkl", b"x", 8)),
            &["`toy/data.pkl` is compressed", "torch.save"],
        ),
        case("no pickle", zip_of(|zip| zip.add("toy/other", b"x")), &["data.pkl", "torch archive"]),
        case("two pickles", named("other/data.pkl"), &["two pickles", "`other`", "`toy`"]),
        case("twice", named("toy/data.pkl"), &["`toy/data.pkl` appears twice"]),
        case(
            "parent folder",
            named("toy/../../etc/passwd"),
            &["`toy/../../etc/passwd`", "leaves the archive"],
        ),
        case("absolute", named("/etc/passwd"), &["`/etc/passwd`", "leaves the archive"]),
        case("backslash", named("toy\\x"), &["leaves the archive"]),
        case("drive", named("C:x"), &["leaves the archive"]),
        case("no name", named(""), &["leaves the archive"]),
        case("member of 2^31 bytes", claimed(1 << 31, 0), &["`toy/data/0`"]),
        case("member of 2^63 bytes", claimed(1 << 63, 0), &["`toy/data/0`"]),
        case("member of 2^64-1 bytes", claimed(u64::MAX, 0), &["`toy/data/0`"]),
        case(
            "header at 2^63",
            claimed(4, 1 << 63),
            &["`toy/data/0`", "no local header at offset 9223372036854775808"],
        ),
        case("header in between", claimed(4, 3), &["`toy/data/0`", "no local header at offset 3"]),
        case("another's header", claimed(4, 0), &["`toy/data/0`", "another name"]),
        case("over another", overlapping(), &["`toy/data.pkl`", "`toy/data/0`", "overlap"]),
        case("big-endian", big_endian(), &["byte order `big`"]),
        case(
            "transformer's folder in a zip",
            zip_of(|zip| zip.add("word/document.xml", b"<xml>")),
            &["torch archive"],
        ),
    ]
}

/// A zip64 archive that claims 10^6 members and has three.
fn members_claimed() -> Vec<u8> {
    let mut bytes = many_members(3);
    let at = bytes.len() - 98 + 32;
    bytes[at..at + 8].copy_from_slice(&1_000_000u64.to_le_bytes());
    bytes
}

/// The pickle's data hold the local header of a second member.
fn overlapping() -> Vec<u8> {
    let mut zip = Zip::default();
    let hidden = zip_of(|zip| zip.add("toy/data/0", &[0; 4]));
    zip.add("toy/data.pkl", &hidden);
    zip.entry("toy/data/0", 4, 0, 64); // where that data starts
    zip.end()
}

fn big_endian() -> Vec<u8> {
    zip_of(|zip| {
        zip.add("toy/data.pkl", b"\x80\x02}.");
        zip.add("toy/byteorder", b"big");
    })
}

fn pickled(build: impl FnOnce(&mut Pickle)) -> Vec<u8> {
    let mut pickle = Pickle::new();
    build(&mut pickle);
    archive(&pickle.0, &[vec![0; 64]])
}

/// The classic: a global and its arguments, applied.
fn calling(module: &str, name: &str) -> Vec<u8> {
    pickled(|p| {
        p.global(module, name).op(b"(").text("echo").op(b"tR.");
    })
}

fn global(name: &'static str, module: &str, function: &str, words: &'static [&'static str]) -> Case {
    case(name, calling(module, function), words)
}

/// Pickles that name a function to call, or use an opcode that would. (CVE-2025-32434: a "safe" load that ran them.)
#[must_use]
pub fn pickles_that_want_to_run() -> Vec<Case> {
    let op = |bytes: &'static [u8]| pickled(|p| _ = p.op(bytes));
    vec![
        global(
            "CVE-2025-32434: os.system",
            "os",
            "system",
            &["data.pkl at byte 2", "`os.system` is refused", "torch.save"],
        ),
        global("posix.system", "posix", "system", &["`posix.system` is refused"]),
        global("nt.system", "nt", "system", &["`nt.system`"]),
        global("eval", "builtins", "eval", &["`builtins.eval` is refused"]),
        global("python 2", "__builtin__", "eval", &["`__builtin__.eval`"]),
        global("getattr", "builtins", "getattr", &["`builtins.getattr`"]),
        global("torch.load", "torch", "load", &["`torch.load`"]),
        global("a storage of no type", "torch", "StringStorage", &["`torch.StringStorage`"]),
        global("another rebuilder", "torch._utils", "_rebuild_device_tensor_from_numpy", &["is refused"]),
        global("dotted", "torch._utils", "_rebuild_tensor_v2.__globals__", &["is refused"]),
        global("a shadow", "torch._utils._rebuild_tensor_v2", "x", &["is refused"]),
        global("an escape in the name", "a\x1b[2J", "b", &["is refused"]),
        case("INST", op(b"(ios\nsystem\n."), &["opcode INST"]),
        case("OBJ", op(b"(o."), &["opcode OBJ"]),
        case("NEWOBJ", op(b"}}\x81."), &["opcode NEWOBJ"]),
        case("STACK_GLOBAL", op(b"}}\x93."), &["opcode STACK_GLOBAL", "torch.save"]),
        case("EXT1", op(b"\x82\x01."), &["opcode EXT"]),
        case("REDUCE of a dict", op(b"})R."), &["expected a known name to apply, found a dict"]),
        case("REDUCE without a tuple", op(b"ccollections\nOrderedDict\n}R."), &["expected a tuple"]),
        case("OrderedDict of pairs", op(b"ccollections\nOrderedDict\n}\x85R."), &["unfitting arguments"]),
        case("a storage applied", op(b"ctorch\nFloatStorage\n)R."), &["unfitting arguments"]),
        case("BUILD of a tuple", op(b")}b."), &["expected a dict to set attributes on, found a tuple"]),
        case("a parameter of a dict", op(b"ctorch._utils\n_rebuild_parameter\n}\x88}\x87R."), &["unfitting"]),
    ]
}

/// Pickles that break off, lie about lengths, refer to themselves or never end.
#[must_use]
pub fn pickles_that_are_broken() -> Vec<Case> {
    let op = |bytes: &[u8]| {
        let bytes = bytes.to_vec();
        pickled(|p| _ = p.op(&bytes))
    };
    let endless = |unit: &[u8], count: usize| op(&unit.repeat(count));
    vec![
        case("empty", archive(b"", &[]), &["data.pkl at byte 0", "expected an opcode"]),
        case("protocol 0", archive(b"(lp0\n.", &[]), &["data.pkl at byte 1", "opcode `l`"]),
        case("protocol 6", archive(b"\x80\x06}.", &[]), &["protocol 6"]),
        case("no STOP", op(b"}"), &["expected an opcode"]),
        case("STOP on nothing", op(b"."), &["expected a value on the stack"]),
        case("a list at the top", op(b"]."), &["expected a dict of tensors, found a list"]),
        case("a number as key", op(b"}K\x01}s."), &["expected tensor names as keys, found an integer"]),
        case("a number as tensor", op(b"}X\x01\0\0\0aK\x01s."), &["entry `a` is an integer"]),
        case(
            "text of 2^32-1",
            op(b"X\xff\xff\xff\xff."),
            &["text of 4294967295 bytes, expected at most 4096"],
        ),
        case("text of 2^31", op(b"X\0\0\0\x80."), &["text of 2147483648 bytes"]),
        case("text past the end", op(b"X\0\x08\0\0."), &["expected text of 2048 bytes"]),
        case("text not UTF-8", op(b"X\x01\0\0\0\xff."), &["UTF-8"]),
        case("an integer of 255 bytes", op(b"\x8a\xff."), &["an integer of 255 bytes"]),
        case(
            "a name without end",
            op(&[b"c".as_slice(), &[b'a'; 5_000]].concat()),
            &["expected a name of at most"],
        ),
        case("an empty memo", op(b"j\xff\xff\xff\xff."), &["memo 4294967295 is empty"]),
        case("remember nothing", op(b"q\0."), &["expected a value to remember"]),
        case("no mark", op(b"t."), &["expected a mark"]),
        case("below the mark", op(b"}(}u."), &["in pairs"]),
        case("across the mark", op(b"}}(s."), &["expected 2 values on the stack, found 0"]),
        case(
            "itself under its own name",
            op(b"}q\0X\x0a\0\0\0state_dicth\0s."),
            &["entry `state_dict` is a dict"],
        ),
        case("itself in a tuple", op(b"}q\0X\x01\0\0\0ah\0\x85h\0\x86s."), &["entry `a` is a tuple"]),
        case("deep tuples", endless(b")\x85", 400_000), &["expected an opcode"]),
        case("a chain of tuples", op(&[b")".as_slice(), &[0x85; 900_000]].concat()), &["expected an opcode"]),
        case("pushes without end", endless(b"N", 20_000_000), &["more than 1000000 opcodes"]),
        case("marks without end", endless(b"(", 5_000_000), &["more than 1000000 opcodes"]),
        case("memo without end", memo_bomb(), &["more than 1000000 opcodes"]),
        case(
            "doubling tuples",
            op(&[b")q\0".as_slice(), &b"h\0h\0\x86q\0".repeat(100)].concat()),
            &["expected an opcode"],
        ),
        case("a pickle of 40 MB", archive(&vec![b'N'; 40_000_000], &[]), &["data.pkl has 40000000 bytes"]),
    ]
}

fn memo_bomb() -> Vec<u8> {
    let mut code = vec![0x80, 2, b'N'];
    for n in 0..1_200_000u32 {
        code.push(b'r');
        code.extend(n.to_le_bytes());
    }
    archive(&code, &[])
}

/// A dict of one tensor `x` that claims `view` of a storage; the member has 64 bytes.
fn viewing(view: View<'_>) -> Vec<u8> {
    pickled(|p| _ = p.op(b"}").item("x", &view).op(b"."))
}

const FITS: View<'_> =
    View { kind: "FloatStorage", key: "0", len: 16, offset: 0, shape: &[4, 4], strides: &[4, 1] };

/// Tensors whose shape, strides or storage do not fit the bytes.
#[must_use]
pub fn views_that_lie() -> Vec<Case> {
    let long = vec![1i64; 100];
    vec![
        case("a sound view of no model", viewing(FITS), &["not an RWKV-7 model", "`x`"]),
        case(
            "too long a storage",
            viewing(View { len: 17, ..FITS }),
            &["tensor `x`", "17 numbers", "64 bytes"],
        ),
        case("2^31 numbers", viewing(View { len: 1 << 31, ..FITS }), &["tensor `x`", "2147483648 numbers"]),
        case(
            "2^63-1 numbers",
            viewing(View { len: i64::MAX, ..FITS }),
            &["tensor `x`", "9223372036854775807"],
        ),
        case("-1 numbers", viewing(View { len: -1, ..FITS }), &["a storage of -1 numbers"]),
        case("doubles", viewing(View { kind: "DoubleStorage", ..FITS }), &["16 numbers of F64", "64 bytes"]),
        case("integers", viewing(View { kind: "LongStorage", len: 8, ..FITS }), &["tensor `x`", "int64"]),
        case("no such member", viewing(View { key: "1", ..FITS }), &["tensor `x`: no member `1`"]),
        case("another folder", viewing(View { key: "../data.pkl", ..FITS }), &["no member `../data.pkl`"]),
        case("offset 1", viewing(View { offset: 1, ..FITS }), &["tensor `x`", "from 1", "16 numbers"]),
        case("offset -1", viewing(View { offset: -1, ..FITS }), &["a size or stride of -1"]),
        case("offset 2^63-1", viewing(View { offset: i64::MAX, ..FITS }), &["tensor `x`", "does not fit"]),
        case("a shape of -4", viewing(View { shape: &[-4, 4], ..FITS }), &["a size or stride of -4"]),
        case("a shape of 0", viewing(View { shape: &[0, 4], ..FITS }), &["tensor `x`", "[0, 4]"]),
        case("product 2^64", viewing(View { shape: &[1 << 32, 1 << 32], ..FITS }), &["does not fit"]),
        case(
            "dimension 2^62",
            viewing(View { shape: &[1 << 62, 4], strides: &[0, 1], ..FITS }),
            &["does not fit"],
        ),
        case("a wrapping stride", viewing(View { strides: &[1 << 62, 1], ..FITS }), &["does not fit"]),
        case(
            "a stride past the end",
            viewing(View { strides: &[5, 1], ..FITS }),
            &["does not fit", "[5, 1]"],
        ),
        case("a negative stride", viewing(View { strides: &[-4, 1], ..FITS }), &["a size or stride of -4"]),
        case("expanded", viewing(View { shape: &[1 << 40, 4], strides: &[0, 1], ..FITS }), &["does not fit"]),
        case("fewer strides", viewing(View { strides: &[1], ..FITS }), &["does not fit"]),
        case("100 dimensions", viewing(View { shape: &long, strides: &long, ..FITS }), &["100 dimensions"]),
        case(
            "the same name twice",
            pickled(|p| _ = p.op(b"}").item("x", &FITS).item("x", &FITS).op(b".")),
            &["`x` appears twice"],
        ),
        case("copies without end", copies(&[500, 1]), &["larger than the file"]),
        case("one storage without end", copies(&[250, 1]), &["16 times as large as the file"]),
        case("a member that steers a terminal", steering(), &["`data/\\u{1b}[2J\\n\\u{202e}`", "64 bytes"]),
    ]
}

/// A storage that is too short, in a member whose name is not for terminals.
fn steering() -> Vec<u8> {
    let key = "\u{1b}[2J\n\u{202e}";
    let mut pickle = Pickle::new();
    pickle.op(b"}").item("x", &View { key, len: 17, ..FITS }).op(b".");
    zip_of(|zip| {
        zip.add("toy/data.pkl", &pickle.0);
        zip.add(&format!("toy/data/{key}"), &[0; 64]);
    })
}

/// Thousands of views of one storage: with gaps between rows each would be a copy.
fn copies(strides: &[i64]) -> Vec<u8> {
    let view = View { len: 250_000, shape: &[500, 250], strides, ..FITS };
    let mut pickle = Pickle::new();
    pickle.op(b"}");
    for n in 0..2_000 {
        pickle.item(&format!("x{n}"), &view);
    }
    pickle.op(b".");
    archive(&pickle.0, &[vec![0; 1_000_000]])
}
