//! Torch zip archives (`.pth`, `.pt`, `pytorch_model.bin`): a pickle of views, and storages beside it.

mod machine;
mod value;
mod view;
pub(crate) mod write;
pub(crate) mod write_zip;
mod zip;

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::{Bytes, Recipe};

use crate::error::{Problem, shown};
use crate::names::{self, Named, Orientation};
use crate::{Checkpoint, Format};
use value::{Heap, Value, View};
use view::Viewer;
use zip::Archive;

/// The format's name in messages.
const FORMAT: &str = "pth";
/// A pickle longer than this describes no model: 2,000 tensors take some 250 kB.
const MAX_PICKLE: usize = 32 << 20;

/// Whether `file` begins as a zip archive does.
pub(crate) fn looks_like(file: &Bytes) -> bool {
    let bytes = file.as_slice();
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Whether `bytes` begin as the container of torch before 1.6 does: a pickle of its magic number.
pub(crate) fn is_legacy(bytes: &[u8]) -> bool {
    const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
    bytes.first() == Some(&0x80) && bytes.get(2..4) == Some(&[0x8a, 10]) && bytes.get(4..14) == Some(&MAGIC)
}

/// Opens one archive that is a whole checkpoint.
pub(crate) fn read(path: &Path, file: Bytes) -> Result<Checkpoint, Problem> {
    let arranged = names::arrange(tensors(&file)?, Orientation::Official)?;
    Ok(Checkpoint {
        path: path.to_owned(),
        format: Format::Pth,
        tensors: arranged.tensors,
        recipe: Recipe::default(),
        vocabulary: None,
        chat_template: None,
        metadata: BTreeMap::new(),
        file_bytes: file.len() as u64,
    })
}

/// Every tensor under the name it has in the archive, as views of `file` wherever strides allow it.
pub(crate) fn tensors(file: &Bytes) -> Result<Vec<Named>, Problem> {
    let bytes = file.as_slice();
    let archive = Archive::read(file)?;
    let root = root(&archive)?;
    check_byte_order(bytes, &archive, root)?;
    let pickle = archive.member(&format!("{root}/data.pkl")).unwrap_or(0..0); // `root` found it
    if pickle.len() > MAX_PICKLE {
        let what = format!("data.pkl has {} bytes, expected at most {MAX_PICKLE}", pickle.len());
        return Err(broken(what));
    }
    let (top, heap) = machine::run(&bytes[pickle])?;
    let mut viewer = Viewer::new(file);
    let mut named = Vec::new();
    for (name, view) in state_dict(&heap, top)? {
        names::check(name)?;
        let storage = &heap.storages[view.storage]; // the machine made both
        let member = archive.member(&format!("{root}/data/{}", storage.key)).ok_or_else(|| {
            broken(format!("tensor {}: no member {} in the archive", shown(name), shown(storage.key)))
        })?;
        named.push((name.to_owned(), viewer.tensor(name, view, storage, member)?));
    }
    Ok(named)
}

fn broken(what: impl Into<String>) -> Problem {
    Problem::broken(FORMAT, what)
}

/// The folder that all members share: the one that holds `data.pkl`.
fn root<'a>(archive: &Archive<'a>) -> Result<&'a str, Problem> {
    let roots = archive.names().filter_map(|name| name.strip_suffix("/data.pkl"));
    let mut roots: Vec<&str> = roots.filter(|root| !root.contains('/')).collect();
    roots.sort_unstable();
    match roots.as_slice() {
        [root] => Ok(root),
        [] => Err(Problem::NotACheckpoint(
            "a zip archive without data.pkl, expected a torch archive".to_owned(),
        )),
        [first, second, ..] => {
            let what = format!("two pickles, below {} and {}, expected one", shown(first), shown(second));
            Err(broken(what))
        }
    }
}

/// Archives without a `byteorder` member are older than it and little-endian.
fn check_byte_order(bytes: &[u8], archive: &Archive<'_>, root: &str) -> Result<(), Problem> {
    let Some(member) = archive.member(&format!("{root}/byteorder")) else { return Ok(()) };
    let order = &bytes[member];
    if order.trim_ascii() == b"little" {
        return Ok(());
    }
    let found = String::from_utf8_lossy(&order[..order.len().min(16)]).into_owned();
    Err(Problem::Unsupported(format!("byte order {}, expected `little`", shown(&found))))
}

/// The names and tensors of the dict `top`, or of the dict under `state_dict` in it.
fn state_dict<'h, 'a>(heap: &'h Heap<'a>, top: Value<'a>) -> Result<Vec<(&'a str, &'h View)>, Problem> {
    let not_a_dict = || broken(format!("expected a dict of tensors, found {}", top.kind()));
    let outer = heap.dict(top).ok_or_else(not_a_dict)?;
    let wrapped = outer.iter().find_map(|&(key, value)| match key {
        Value::Text("state_dict") => heap.dict(value),
        _ => None,
    });
    let mut tensors = Vec::new();
    for &(key, value) in wrapped.unwrap_or(outer) {
        let Value::Text(name) = key else {
            return Err(broken(format!("expected tensor names as keys, found {}", key.kind())));
        };
        let view = match value {
            Value::Tensor(place) => heap.tensors.get(place),
            _ => None,
        };
        let not_a_tensor = || broken(format!("entry {} is {}, expected a tensor", shown(name), value.kind()));
        tensors.push((name, view.ok_or_else(not_a_tensor)?));
    }
    Ok(tensors)
}
