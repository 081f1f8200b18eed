//! Files that are no checkpoint at all.

use super::{Case, case};

/// What people open by mistake.
#[must_use]
pub fn no_checkpoint() -> Vec<Case> {
    let tar = [vec![b'a'; 257], b"ustar\x0000".to_vec(), vec![0; 300]].concat();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 3055051502\n".to_vec();
    vec![
        case("empty", Vec::new(), &["empty"]),
        case("one byte", vec![7], &["expected a .pth", "1 bytes beginning 07"]),
        case("a git-lfs pointer", pointer, &["git-lfs pointer", "git lfs pull"]),
        case("a web page", b"<!DOCTYPE html><html>404</html>".to_vec(), &["web page"]),
        case("tar", tar, &["tar archive"]),
        case("a bare pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}.".to_vec(), &["pickle", "torch.save"]),
        case(
            "CVE-2026-31214: a bare pickle that runs a command",
            b"\x80\x04cos\nsystem\n(X\x02\0\0\0idtR.".to_vec(),
            &["pickle", "not read", "torch.save"],
        ),
        case(
            "legacy torch",
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(),
            &["before 1.6", "torch.save"],
        ),
        case("JSON", b"{\"model_type\": \"rwkv7\"}".to_vec(), &["JSON", "open the folder"]),
        case("text", b"once upon a time".to_vec(), &["expected a .pth", "6f 6e 63 65"]),
        case("zeros", vec![0; 4096], &["4096 bytes beginning 00"]),
    ]
}
