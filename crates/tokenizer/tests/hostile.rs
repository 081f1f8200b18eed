//! Vocabularies from strangers: one clear error or a vocabulary that works, never a panic.

use std::path::Path;

use wkv7_tokenizer::{Tokenizer, World, from_gguf_tokens, open, unescape_token};

/// The message for a vocabulary file that must be refused.
fn refused(text: &[u8]) -> String {
    let message = World::from_vocab_file(text).expect_err("a bad vocabulary").to_string();
    assert!(!message.chars().any(char::is_control) && message.len() < 300, "one short line: {message}");
    message
}

#[test]
fn bad_lines_are_named() {
    let cases: [(&[u8], &str); 21] = [
        (b"", "line 1: expected `<id> <literal> <length>`, found nothing"),
        (b"1 'a' 1\n\n2 'b' 1\n", "line 2"),
        (b"1 'a' 1\n2 'b' 2\n", "line 2: expected 2 bytes as the line declares, found 1 bytes"),
        (b"1 'a' 99999999999999999999", "a decimal length"),
        (b"1 'a' -1", "a decimal length"),
        (b"+1 'a' 1", "a decimal id"),
        (b"-1 'a' 1", "a decimal id"),
        (b"4294967296 'a' 1", "a decimal id"),
        (b"1048576 'a' 1", "expected at most 1048576"),
        (b"1 a 1", "a Python string or bytes literal"),
        (b"1 'a 1", "a literal that ends with '"),
        (b"1 ' 1", "a literal that ends with '"),
        (b"1 'it's' 4", "no bare '"),
        (br"1 '\q' 1", r"found \q"),
        (b"1 '\\\x1b' 1", r"found \\u{1b}"),
        (br"1 '\x4' 1", "2 hexadecimal digits"),
        (br"1 '\x+4' 1", "2 hexadecimal digits"),
        (br"1 '\ud800' 3", "a Unicode scalar value"),
        (br"1 b'\u0041' 1", r"found \u"),
        ("1 b'é' 2".as_bytes(), "ASCII only"),
        (b"1 '\xff' 1", "line 1: expected UTF-8 text, found an invalid byte at column 4"),
    ];
    for (text, part) in cases {
        let message = refused(text);
        assert!(message.contains(part), "{:?} gave: {message}", text.escape_ascii().to_string());
    }
    assert!(
        refused(b"1 'a' 1\n1 'b' 1\n").contains("line 2: expected an id not seen before, found id 1 again")
    );
    assert!(refused(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").contains("line 1"));
}

#[test]
fn large_files_end_early() {
    assert!(refused(&vec![b'\n'; 1_000_000]).contains("line 1"));
    let endless = [b"1 '".as_slice(), &vec![b'a'; 1_000_000], b"' 1000000"].concat();
    assert!(refused(&endless).contains("at most 65536 bytes"));
    let long = [b"1 '".as_slice(), &[b'a'; 5000], b"' 5000"].concat();
    assert!(refused(&long).contains("5000 bytes in one token, expected at most 4096"));
    let many: String = (0..3000).map(|id| format!("{id} '{id:04}{}' 4004\n", "a".repeat(4000))).collect();
    assert!(refused(many.as_bytes()).contains("bytes in all tokens"));
}

#[test]
fn literals_are_python_s() {
    let text = concat!(
        "1 'a b  c' 6\n",
        "2 \"it's\" 4\n",
        "3 '\\xe9\\u57c3\\t\\n\\r\\\\\\'' 10\r\n",
        "4 b'\\xe9\\'\"' 3\n",
        "9 '🙂' 4"
    );
    let world = World::from_vocab_file(text.as_bytes()).expect("a good file");
    let expected: [(u32, &[u8]); 5] =
        [(1, b"a b  c"), (2, b"it's"), (3, "é埃\t\n\r\\'".as_bytes()), (4, b"\xe9'\""), (9, "🙂".as_bytes())];
    for (id, bytes) in expected {
        assert_eq!(world.token_bytes(id), Some(bytes), "token {id}");
    }
    assert_eq!((world.vocab(), world.token_bytes(5), world.token_bytes(0)), (10, None, Some(&b""[..])));
}

#[test]
fn gaps_and_repetitions_are_decided() {
    let tokens =
        vec![None, Some(b"ab".to_vec()), Some(b"ab".to_vec()), Some(b"a".to_vec()), Some(Vec::new())];
    let world = World::from_tokens(tokens).expect("a vocabulary");
    let mut ids = vec![7];
    world.encode(b"aba", &mut ids).expect("a and ab are known");
    assert_eq!(ids, [7, 1, 3], "the smaller of two ids with the same bytes");
    assert_eq!(world.decode(&[1, 2, 4, 3]).expect("known ids"), b"ababa");
    assert_eq!(world.end_of_text(), None);

    let message = world.encode(b"abc", &mut ids).expect_err("no token for c").to_string();
    assert!(message.contains("0x63") && message.contains("offset 2"), "{message}");
    assert_eq!(ids, [7, 1, 3], "an error leaves the ids as they were");
    assert!(world.encode(b"b", &mut ids).is_err());
    assert!(world.encode(b"bb", &mut ids).is_err());

    assert!(World::from_tokens(Vec::new()).is_err());
    assert!(World::from_tokens(vec![Some(Vec::new()); 1000]).is_err());
    assert!(World::from_tokens(vec![None; (1 << 20) + 1]).is_err());
}

#[test]
fn deep_and_wide_tries_stand() {
    let deep = (1..=4096).map(|len| Some(vec![b'a'; len]));
    let deep: Vec<_> = deep.step_by(16).chain([Some(vec![b'a'])]).collect();
    let world = World::from_tokens(deep).expect("long tokens");
    let text = vec![b'a'; 10_000];
    let mut ids = Vec::new();
    world.encode(&text, &mut ids).expect("a is known");
    assert_eq!(world.decode(&ids).expect("known ids"), text);

    let wide =
        (0..=u16::MAX).flat_map(|pair| [0u8, 77, 255].map(|last| [pair.to_be_bytes(), [last, 9]].concat()));
    let wide: Vec<_> = wide.map(Some).collect();
    let count = wide.len() as u32;
    let world = World::from_tokens(wide).expect("every pair of bytes");
    for id in (0..count).step_by(101) {
        let bytes = world.token_bytes(id).expect("no gaps").to_vec();
        ids.clear();
        world.encode(&bytes, &mut ids).expect("its own bytes");
        assert_eq!(ids, [id]);
        assert!(world.encode(&bytes[..3], &mut ids).is_err());
    }
}

#[test]
fn gguf_tokens_are_read_strictly() {
    for bad in [r"\x", r"\x4", r"\x4g", r"\x-1", r"\x+1", "\\", r"abc\"] {
        let message = from_gguf_tokens([("a", 1), (bad, 1)]).expect_err(bad).to_string();
        assert!(message.contains("token 1") && message.contains("expected"), "{message}");
    }
    for bad in ["<0x-1>", "<0x+1>", "<0x1>", "<0x100>", "<0xFFFFFFFF>", "<0x", "<0x>", "", "<0x 1>"] {
        let message = from_gguf_tokens([(bad, 6)]).expect_err(bad).to_string();
        assert!(message.contains("token 0") && message.contains("<0x00> to <0xFF>"), "{message}");
    }
    for kind in [-1, 0, 7, i32::MIN, i32::MAX] {
        let message = from_gguf_tokens([("a", kind)]).expect_err("a type of its own").to_string();
        assert!(message.contains(&format!("type {kind}")), "{message}");
    }
    assert!(from_gguf_tokens([("<s>", 3)]).is_err(), "nothing to encode");
    assert!(from_gguf_tokens(Vec::<(&[u8], i32)>::new()).is_err());
    assert!(from_gguf_tokens(std::iter::repeat_n(("a", 1), (1 << 20) + 1)).is_err());

    let gguf = from_gguf_tokens([("<0x-1>", 1), ("<0x41>", 6), ("B", 4), ("<eos>", 3), ("?", 2)])
        .expect("good types");
    assert_eq!(gguf.token_bytes(0), Some(&b"<0x-1>"[..]), "as a normal token it is just text");
    assert_eq!(gguf.decode(&[1, 2, 3, 4]).expect("known ids"), b"AB");
    assert_eq!(gguf.end_of_text(), Some(3));
    assert!(gguf.encode(b"B", &mut Vec::new()).is_err(), "only normal and byte tokens are encoded");
}

#[test]
fn gguf_escapes_follow_python() {
    let cases: [(&str, &[u8]); 6] = [
        (r"\x00\xe5\x9f\x83", b"\x00\xe5\x9f\x83"),
        (r"\t\n\r\\", b"\t\n\r\\"),
        ("'", b"'"),
        ("\"", b"\""),
        (r#"\'""#, b"'\""),
        (" ~", b" ~"),
    ];
    for (escaped, bytes) in cases {
        assert_eq!(unescape_token(escaped.as_bytes()).expect("good escapes"), bytes);
    }
    assert_eq!(unescape_token(br"\'\q").expect("any other character stands for itself"), b"'q");
}

#[test]
fn files_are_named() {
    let missing = open(Path::new("no/such/vocabulary.txt")).expect_err("no such file").to_string();
    assert!(missing.contains("no/such/vocabulary.txt"), "{missing}");
    assert!(open(Path::new(env!("CARGO_MANIFEST_DIR"))).is_err(), "a folder");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let message = open(&here).expect_err("not a vocabulary").to_string();
    assert!(message.contains("Cargo.toml") && message.contains("line 1"), "{message}");
}
