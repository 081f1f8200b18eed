//! From a view of a storage to a tensor, without a copy wherever the strides allow it.

use std::ops::Range;

use wkv7_core::{Bytes, Dtype, Tensor};

use super::value::{Element, Storage, View};
use crate::error::{Problem, shown};
use crate::names;

/// How often the bytes of a file may be used on average: tied weights use some of them twice. Without a bound, a
/// small file could describe a model that takes hours to look at.
const MAX_SHARES: usize = 16;

/// Makes tensors over the bytes of one archive.
pub(super) struct Viewer<'a> {
    file: &'a Bytes,
    copied: usize, // bytes copied so far
    viewed: usize, // bytes of all tensors so far
}

impl<'a> Viewer<'a> {
    /// Over the archive `file`.
    pub(super) fn new(file: &'a Bytes) -> Self {
        Self { file, copied: 0, viewed: 0 }
    }

    /// The tensor `name`: `view` of `storage`, whose bytes are the `member` of the archive.
    pub(super) fn tensor(
        &mut self,
        name: &str,
        view: &View,
        storage: &Storage<'_>,
        member: Range<usize>,
    ) -> Result<Tensor, Problem> {
        let dtype = match storage.element {
            Element::Number(dtype) => dtype,
            Element::Other(element) => {
                let what = format!(
                    "tensor {} has element type {element}, expected float64, float32, float16 or bfloat16",
                    shown(name)
                );
                return Err(Problem::Unsupported(what));
            }
        };
        let size = dtype.block_bytes();
        let count = checked_count(name, view, storage)?;
        if storage.len.checked_mul(size).is_none_or(|bytes| bytes > member.len()) {
            let what = format!(
                "tensor {}: its storage says {} numbers of {dtype}, the member {} has {} bytes",
                shown(name),
                storage.len,
                shown(&format!("data/{}", storage.key)),
                member.len()
            );
            return Err(broken(what));
        }
        self.viewed = self.viewed.saturating_add(count * size);
        if self.viewed > self.file.len().saturating_mul(MAX_SHARES) {
            let what = format!(
                "tensor {}: tensors share storages until they are {MAX_SHARES} times as large as the file",
                shown(name)
            );
            return Err(broken(what));
        }
        // In range: the last element is below `storage.len`, whose bytes fit the member.
        let first = member.start + view.offset * size;
        let slice = || self.file.slice(first..first + count * size);
        if is_row_major(&view.shape, &view.strides) {
            return whole(name, dtype, &view.shape, slice());
        }
        if let (&[rows, columns], &[1, step]) = (view.shape.as_slice(), view.strides.as_slice())
            && step == rows
        {
            return whole(name, dtype, &[columns, rows], slice()).map(Tensor::transposed);
        }
        self.copied = self.copied.saturating_add(count * size);
        if self.copied > self.file.len() {
            let what =
                format!("tensor {}: strided views that together are larger than the file", shown(name));
            return Err(broken(what));
        }
        let bytes = gathered(&self.file.as_slice()[first..member.end], view, size, count);
        whole(name, dtype, &view.shape, Some(Bytes::from(bytes)))
    }
}

fn broken(what: impl Into<String>) -> Problem {
    Problem::broken(super::FORMAT, what)
}

fn whole(name: &str, dtype: Dtype, shape: &[usize], bytes: Option<Bytes>) -> Result<Tensor, Problem> {
    let bytes = bytes.ok_or_else(|| broken(format!("tensor {} lies outside the file", shown(name))))?;
    Ok(Tensor::new(name, dtype, &names::folded_shape(name, shape), bytes)?)
}

/// Elements of the view; its last one lies inside the storage, and it has no more than that.
fn checked_count(name: &str, view: &View, storage: &Storage<'_>) -> Result<usize, Problem> {
    let View { offset, shape, strides, .. } = view;
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    let last = shape.iter().zip(strides).try_fold(*offset, |at, (&n, &stride)| {
        n.saturating_sub(1).checked_mul(stride).and_then(|reach| reach.checked_add(at))
    });
    match (count, last) {
        (Some(count), Some(last))
            if shape.len() == strides.len() && count > 0 && last < storage.len && count <= storage.len =>
        {
            Ok(count)
        }
        _ => Err(broken(format!(
            "tensor {}: shape {shape:?} with strides {strides:?} from {offset} does not fit a storage of {} numbers",
            shown(name),
            storage.len
        ))),
    }
}

/// Whether the elements stand one after another in row-major order; a dimension of one has no stride.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1usize;
    shape.iter().zip(strides).rev().all(|(&n, &stride)| {
        let fits = n == 1 || stride == step;
        step = step.saturating_mul(n);
        fits
    })
}

/// The elements in row-major order. `storage` begins at the view's first element.
fn gathered(storage: &[u8], view: &View, size: usize, count: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(count * size);
    let mut index = vec![0usize; view.shape.len()];
    for _ in 0..count {
        let at: usize = index.iter().zip(&view.strides).map(|(i, stride)| i * stride).sum();
        bytes.extend_from_slice(&storage[at * size..][..size]);
        for (i, &n) in index.iter_mut().zip(&view.shape).rev() {
            *i += 1;
            if *i < n {
                break;
            }
            *i = 0;
        }
    }
    bytes
}
