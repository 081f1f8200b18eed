//! rwkv.cpp files: a header of six numbers, then one record per tensor to the end of the file.
//!
//! Layout as in `docs/FILE_FORMAT.md` of RWKV/rwkv.cpp. Dimensions are written fastest first, so a shape
//! is read backwards; nothing is aligned. The thin matrices lie transposed and the six token shifts of a
//! time mix are one tensor, `att.x_rwkvag`.

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::{Bytes, Dtype, Recipe, Tensor, Tensors};

use crate::cursor::Cursor;
use crate::error::{Problem, shown};
use crate::names::{self, Named, Orientation};
use crate::{Checkpoint, Format};

/// The format's name in messages.
const FORMAT: &str = "rwkv.cpp";
/// More tensors than any model has.
const MAX_TENSORS: usize = 100_000;
/// Longest tensor name that is taken.
const MAX_NAME: u32 = 512;

/// Opens an rwkv.cpp file.
pub(crate) fn read(path: &Path, file: Bytes) -> Result<Checkpoint, Problem> {
    let mut cursor = Cursor::new(FORMAT, file.as_slice());
    let header = Header::read(&mut cursor)?;
    let mut named: Vec<Named> = Vec::new();
    while cursor.left() > 0 {
        if named.len() == MAX_TENSORS {
            return Err(broken(format!("more than {MAX_TENSORS} tensors")));
        }
        named.push(record(&mut cursor, &file, header.version)?);
    }
    let arranged = names::arrange(named, Orientation::Transposed)?;
    header.check_sizes(&arranged.tensors)?;
    Ok(Checkpoint {
        path: path.to_owned(),
        format: Format::RwkvCpp,
        tensors: arranged.tensors,
        recipe: Recipe::default(),
        vocabulary: None,
        chat_template: None,
        metadata: BTreeMap::from([("version".to_owned(), header.version.to_string())]),
        file_bytes: file.len() as u64,
    })
}

fn broken(what: impl Into<String>) -> Problem {
    Problem::broken(FORMAT, what)
}

/// The six numbers in front, without the magic.
struct Header {
    version: u32,
    vocab: u32,
    channels: u32,
    layers: u32,
}

impl Header {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Problem> {
        cursor.u32(format_args!("magic"))?; // told this format from others
        let version = cursor.u32(format_args!("version"))?;
        if !matches!(version, 100 | 101) {
            let what = format!("rwkv.cpp file of version {version}, expected 100 or 101");
            return Err(Problem::Unsupported(what));
        }
        let mut number = |what| cursor.u32(format_args!("{what}"));
        let (vocab, channels, layers) = (number("n_vocab")?, number("n_embed")?, number("n_layer")?);
        number("data_type")?; // a summary: each tensor has its own
        Ok(Self { version, vocab, channels, layers })
    }

    /// Checks what the header says against the tensors.
    fn check_sizes(&self, tensors: &Tensors) -> Result<(), Problem> {
        let Some(&[vocab, channels]) = tensors.get("emb.weight").map(Tensor::shape) else {
            return Ok(()); // named when the weights are checked
        };
        let layers = (0..).take_while(|n| tensors.get(&format!("blocks.{n}.ln1.weight")).is_some()).count();
        let facts = [
            ("n_vocab", self.vocab, vocab),
            ("n_embed", self.channels, channels),
            ("n_layer", self.layers, layers),
        ];
        match facts.into_iter().find(|&(_, said, found)| said as usize != found) {
            Some((key, said, found)) => {
                Err(broken(format!("the header says `{key}` {said}, the tensors have {found}")))
            }
            None => Ok(()),
        }
    }
}

/// One tensor.
fn record(cursor: &mut Cursor<'_>, file: &Bytes, version: u32) -> Result<Named, Problem> {
    let at = cursor.at();
    let mut number = |what: &str| cursor.u32(format_args!("{what} of the tensor at offset {at}"));
    let (dimensions, name_len, kind) = (number("dim_count")?, number("key_length")?, number("data_type")?);
    if !(1..=3).contains(&dimensions) {
        let what = format!("tensor at offset {at} has {dimensions} dimensions, expected 1 to 3");
        return Err(broken(what));
    }
    if !(1..=MAX_NAME).contains(&name_len) {
        let what = format!("tensor at offset {at} has a name of {name_len} bytes, expected 1 to {MAX_NAME}");
        return Err(broken(what));
    }
    let mut shape = Vec::new();
    for n in 0..dimensions {
        let length = cursor.u32(format_args!("dimension {n} of the tensor at offset {at}"))?;
        shape.insert(0, length as usize);
    }
    let name = cursor.take(name_len.into(), format_args!("name of the tensor at offset {at}"))?;
    let name = std::str::from_utf8(name)
        .map_err(|_| broken(format!("tensor at offset {at} has a name that is not UTF-8")))?;
    names::check(name)?;
    let dtype = dtype(kind, name, version)?;
    let shape = names::folded_shape(name, &shape);
    let bytes = byte_count(dtype, &shape)
        .ok_or_else(|| broken(format!("tensor {} of {dtype} cannot have shape {shape:?}", shown(name))))?;
    cursor.take(bytes as u64, format_args!("data of tensor {} {shape:?} {dtype}", shown(name)))?;
    let bytes = file.slice(cursor.at() - bytes..cursor.at());
    let bytes = bytes.ok_or_else(|| broken(format!("tensor {} lies outside the file", shown(name))))?;
    Ok((name.to_owned(), Tensor::new(name, dtype, &shape, bytes)?))
}

/// Bytes of a tensor whose rows are the last dimension; `None` where rows split blocks or sizes overflow.
fn byte_count(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    let (&columns, outer) = shape.split_last()?;
    let row = dtype.row_bytes(columns)?;
    outer.iter().try_fold(row, |bytes, &n| bytes.checked_mul(n))
}

/// The numbers for element types are ggml's.
fn dtype(kind: u32, name: &str, version: u32) -> Result<Dtype, Problem> {
    let dtype = match kind {
        0 => Dtype::F32,
        1 => Dtype::F16,
        2 => Dtype::Q4_0,
        3 => Dtype::Q4_1,
        7 => Dtype::Q5_0,
        8 => Dtype::Q5_1,
        9 => Dtype::Q8_0,
        _ => {
            let what = format!(
                "tensor {} has data type {kind}, expected F32 (0), F16 (1), Q4_0 (2), Q4_1 (3), Q5_0 (7), \
                 Q5_1 (8) or Q8_0 (9)",
                shown(name)
            );
            return Err(Problem::Unsupported(what));
        }
    };
    if dtype.is_block() && version == 100 {
        let what = format!(
            "tensor {} is {dtype} in a file of version 100, whose blocks were laid out otherwise; quantise \
             the original again",
            shown(name)
        );
        return Err(Problem::Unsupported(what));
    }
    Ok(dtype)
}
