//! Names, shapes, types and places of the tensors.

use std::collections::HashSet;
use std::ops::Range;

use wkv7_core::Dtype;

use super::{FORMAT, TYPES, shown};
use crate::Problem;
use crate::cursor::Cursor;

/// Tensors in one file: more than the deepest model that [`wkv7_core::Config`] accepts would have.
const MAX_TENSORS: u64 = 1 << 18;
/// Bytes in a name; ggml allows 63.
const MAX_NAME: u64 = 256;
/// The least that a tensor's entry takes: an empty name, no dimension, a type, an offset.
const LEAST_INFO: u64 = 8 + 4 + 4 + 8;

/// One entry of the table of tensors, its bytes not yet checked to be in the file.
#[derive(Debug)]
pub(super) struct Info<'a> {
    /// ggml's name.
    pub(super) name: &'a str,
    /// Slowest dimension first, as everywhere but in this format; one to four.
    pub(super) shape: Vec<usize>,
    /// Element type.
    pub(super) dtype: Dtype,
    /// From the start of the data.
    offset: u64,
    /// Bytes that shape and type need.
    bytes: u64,
}

impl<'a> Info<'a> {
    /// Reads `count` entries.
    pub(super) fn read_all(cursor: &mut Cursor<'a>, count: u64) -> Result<Vec<Self>, Problem> {
        cursor.check_count(count, MAX_TENSORS, LEAST_INFO, "tensors")?;
        let mut names = HashSet::new();
        let mut infos = Vec::new();
        for n in 0..count {
            let info = Self::read(cursor, n)?;
            if !names.insert(info.name) {
                let what = format!("tensor `{}` appears twice", shown(info.name.as_bytes()));
                return Err(Problem::broken(FORMAT, what));
            }
            infos.push(info);
        }
        Ok(infos)
    }

    fn read(cursor: &mut Cursor<'a>, n: u64) -> Result<Self, Problem> {
        let name = cursor.text(MAX_NAME, format_args!("name of tensor {n}"))?;
        let broken = |what: String| Problem::broken(FORMAT, format!("tensor `{}`: {what}", shown(name)));
        let name = std::str::from_utf8(name).map_err(|_| broken("expected a name in UTF-8".to_owned()))?;
        let dims = cursor.u32(format_args!("dimensions of tensor `{}`", shown(name.as_bytes())))?;
        if !(1..=4).contains(&dims) {
            return Err(broken(format!("expected 1 to 4 dimensions, found {dims}")));
        }
        let mut shape = Vec::with_capacity(4);
        for _ in 0..dims {
            shape.push(cursor.u64(format_args!("shape of tensor `{}`", shown(name.as_bytes())))?);
        }
        shape.reverse();
        let number = cursor.u32(format_args!("type of tensor `{}`", shown(name.as_bytes())))?;
        let dtype = TYPES.iter().find(|(known, _)| *known == number).map(|&(_, dtype)| dtype);
        let dtype = dtype.ok_or_else(|| {
            let known = Dtype::ALL.map(Dtype::name).join(" ");
            Problem::Unsupported(format!(
                "tensor `{}` has element type {number} of ggml, which is not supported; known: {known}",
                shown(name.as_bytes())
            ))
        })?;
        let offset = cursor.u64(format_args!("offset of tensor `{}`", shown(name.as_bytes())))?;
        let bytes = size(&shape, dtype).map_err(broken)?;
        // Each dimension fits: their product in bytes does.
        let shape = shape.into_iter().map(|n| n as usize).collect();
        Ok(Self { name, shape, dtype, offset, bytes })
    }
}

/// Bytes of a tensor; they fit in memory's address range.
fn size(shape: &[u64], dtype: Dtype) -> Result<u64, String> {
    if shape.contains(&0) {
        return Err(format!("expected dimensions above zero, found {shape:?}"));
    }
    let columns = shape[shape.len() - 1]; // one to four dimensions
    let (len, block) = (dtype.block_len() as u64, dtype.block_bytes() as u64);
    if !columns.is_multiple_of(len) {
        return Err(format!("expected rows of whole {dtype} blocks of {len}, found rows of {columns}"));
    }
    let too_large = || format!("shape {shape:?} of {dtype} is larger than any memory");
    let numbers = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).ok_or_else(too_large)?;
    let bytes = (numbers / len).checked_mul(block).ok_or_else(too_large)?;
    // A shape may hold more numbers than it takes bytes; both have to be countable.
    if isize::try_from(bytes).is_err() || isize::try_from(numbers).is_err() {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Where each tensor lies in the file, whose data start at `start`: aligned, inside, apart.
pub(super) fn places(
    infos: &[Info<'_>],
    start: usize,
    alignment: u32,
    file: usize,
) -> Result<Vec<Range<usize>>, Problem> {
    let mut places = Vec::new();
    for info in infos {
        let broken =
            |what| Err(Problem::broken(FORMAT, format!("tensor `{}`: {what}", shown(info.name.as_bytes()))));
        let Info { offset, bytes, .. } = info;
        if !offset.is_multiple_of(u64::from(alignment)) {
            return broken(format!("expected an offset that is a multiple of {alignment}, found {offset}"));
        }
        let begin = (start as u64).checked_add(*offset);
        let end = begin.and_then(|begin| begin.checked_add(*bytes));
        match (begin, end) {
            // Both fit: the file's length does.
            (Some(begin), Some(end)) if end <= file as u64 => places.push(begin as usize..end as usize),
            _ => {
                let data = file.saturating_sub(start);
                return broken(format!(
                    "expected it in the {data} bytes of data, found {bytes} bytes at offset {offset}"
                ));
            }
        }
    }
    refuse_overlaps(infos, &places)?;
    Ok(places)
}

fn refuse_overlaps(infos: &[Info<'_>], places: &[Range<usize>]) -> Result<(), Problem> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_unstable_by_key(|&n| places[n].start);
    for pair in order.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        if places[first].end > places[second].start {
            let [first, second] = [first, second].map(|n| shown(infos[n].name.as_bytes()));
            return Err(Problem::broken(FORMAT, format!("tensors `{first}` and `{second}` overlap")));
        }
    }
    Ok(())
}
