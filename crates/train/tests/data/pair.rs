//! Pairs as they are: byte for byte, and every element type.

use wkv7_train::data::{BinIdx, Element, Error, Writer};

use crate::{folder, names, write};

/// An id as bytes of some type.
type Store = fn(i64) -> Vec<u8>;

/// An index in the words of the format, for items of `sizes` tokens of `width` bytes from `first` on.
pub fn index(code: u8, width: i64, first: i64, sizes: &[i32], documents: &[i64]) -> Vec<u8> {
    let mut bytes = b"MMIDIDX\0\0".to_vec();
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(code);
    bytes.extend((sizes.len() as u64).to_le_bytes());
    bytes.extend((documents.len() as u64).to_le_bytes());
    sizes.iter().for_each(|size| bytes.extend(size.to_le_bytes()));
    let mut pointer = first;
    for size in sizes {
        bytes.extend(pointer.to_le_bytes());
        pointer += i64::from(*size) * width;
    }
    documents.iter().for_each(|item| bytes.extend(item.to_le_bytes()));
    bytes
}

#[test]
fn what_is_written_is_the_official_form() {
    let folder = folder();
    let prefix = folder.path().join("small.v1"); // a dot is part of the name
    let mut writer = Writer::create(&prefix, 65_536).expect("a place");
    writer.push(&[5, 65_535, 0]).expect("written");
    writer.push(&[7, 0]).expect("written");
    assert!(names(&folder).iter().all(|name| !name.starts_with("small")), "nothing is half there");
    let summary = writer.finish().expect("finished");
    assert_eq!((summary.documents, summary.tokens, summary.element), (2, 5, Element::U16));
    assert_eq!(names(&folder), ["small.v1.bin", "small.v1.idx"]);
    let read = |ending| std::fs::read(folder.path().join(format!("small.v1.{ending}"))).expect("read");
    assert_eq!(read("bin"), [5, 0, 255, 255, 0, 0, 7, 0, 0, 0]);
    assert_eq!(read("idx"), index(8, 2, 0, &[3, 2], &[0, 1, 2]));
}

#[test]
fn a_large_vocabulary_takes_four_bytes_a_token() {
    let folder = folder();
    let prefix = folder.path().join("large");
    let mut writer = Writer::create(&prefix, 65_537).expect("a place");
    writer.push(&[65_536, 0]).expect("written");
    assert_eq!(writer.finish().expect("finished").element, Element::I32);
    let pair = BinIdx::open(&prefix).expect("sound");
    let mut tokens = Vec::new();
    pair.read(0..2, 65_537, &mut tokens).expect("read");
    assert_eq!((pair.element(), tokens), (Element::I32, vec![65_536, 0]));
}

#[test]
fn every_integer_type_is_read() {
    let types: [(u8, Element, Store); 6] = [
        (1, Element::U8, |id| (id as u8).to_le_bytes().into()),
        (2, Element::I8, |id| (id as i8).to_le_bytes().into()),
        (3, Element::I16, |id| (id as i16).to_le_bytes().into()),
        (4, Element::I32, |id| (id as i32).to_le_bytes().into()),
        (5, Element::I64, |id| id.to_le_bytes().into()),
        (8, Element::U16, |id| (id as u16).to_le_bytes().into()),
    ];
    let folder = folder();
    let ids: [i64; 5] = [100, 0, 7, 127, 0];
    for (code, element, bytes) in types {
        let width = element.size() as i64;
        write(&folder, "t.bin", ids.iter().flat_map(|&id| bytes(id)).collect::<Vec<u8>>());
        write(&folder, "t.idx", index(code, width, 0, &[2, 3], &[0, 1, 2]));
        // Either file's name will do.
        for name in ["t", "t.bin", "t.idx"] {
            let pair = BinIdx::open(folder.path().join(name)).expect("sound");
            assert_eq!((pair.element(), pair.tokens(), pair.items(), pair.documents()), (element, 5, 2, 2));
            assert_eq!([0, 1, 2, 9].map(|document| pair.start(document)), [0, 2, 5, 5]);
            let mut tokens = vec![1];
            pair.read(1..5, 128, &mut tokens).expect("read");
            assert_eq!(tokens, [1, 0, 7, 127, 0]);
            assert_eq!(pair.extremes(&mut |_, _| true).expect("read"), (127, 0));
        }
    }
}

#[test]
fn the_stream_begins_at_the_first_pointer_and_documents_may_have_items() {
    let folder = folder();
    write(&folder, "t.bin", [99, 1, 2, 3, 4, 5, 6]);
    write(&folder, "t.idx", index(1, 1, 1, &[1, 2, 3], &[0, 2, 3]));
    let pair = BinIdx::open(folder.path().join("t")).expect("sound");
    let mut tokens = Vec::new();
    pair.read(0..6, 256, &mut tokens).expect("read");
    assert_eq!(tokens, [1, 2, 3, 4, 5, 6]);
    assert_eq!((pair.items(), pair.documents()), (3, 2));
    assert_eq!([0, 1, 2, 3].map(|document| pair.start(document)), [0, 3, 6, 6]);
    // Merged by a writer that forgot the documents: every item is one.
    write(&folder, "t.idx", index(1, 1, 1, &[1, 2, 3], &[0]));
    let pair = BinIdx::open(folder.path().join("t")).expect("sound");
    assert_eq!((pair.documents(), pair.start(1)), (3, 1));
}

#[test]
fn ids_out_of_range_are_named() {
    let folder = folder();
    write(&folder, "t.bin", [1, 2, 200, 255]);
    write(&folder, "t.idx", index(2, 1, 0, &[4], &[0, 1])); // 200 is -56
    let pair = BinIdx::open(folder.path().join("t")).expect("sound");
    let mut tokens = vec![9];
    let said = pair.read(1..4, 256, &mut tokens).expect_err("below 0").to_string();
    assert!(said.contains("t.bin: token 2 is -56, expected an id below 256"), "{said}");
    assert_eq!(tokens, [9]);
    assert!(pair.read(0..2, 3, &mut tokens).is_ok() && pair.read(0..2, 2, &mut tokens).is_err());
    #[allow(clippy::reversed_empty_ranges)]
    for range in [0..5, 5..6, 3..2, usize::MAX..usize::MAX] {
        assert!(matches!(pair.read(range, 256, &mut tokens), Err(Error::Setting { .. })));
    }
    assert!(matches!(pair.extremes(&mut |_, _| false), Err(Error::Cancelled)));
    let mut writer = Writer::create(folder.path().join("w"), 10).expect("a place");
    assert!(writer.push(&[3, 10]).expect_err("10").to_string().contains("token 1 is 10"));
}

#[test]
fn nothing_is_left_of_a_pair_without_tokens() {
    let folder = folder();
    let mut writer = Writer::create(folder.path().join("w"), 10).expect("a place");
    writer.push(&[]).expect("written");
    assert!(matches!(writer.finish(), Err(Error::TooFew { .. })));
    drop(Writer::create(folder.path().join("w"), 10).expect("a place"));
    assert_eq!(names(&folder), [""; 0]);
    assert!(
        Writer::create(folder.path().join("no/w"), 10)
            .expect_err("no folder")
            .to_string()
            .contains("no/w.bin")
    );
}
