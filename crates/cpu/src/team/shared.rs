//! Buffers that the members of a team fill together.

use std::marker::PhantomData;
use std::ops::Range;

/// A buffer that the tasks of one phase fill, each its own part.
#[derive(Debug)]
pub(crate) struct Shared<'a, T = f32> {
    start: *mut T,
    len: usize,
    buffer: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

// SAFETY: it is a `&mut [T]`, which may be sent; parts are only taken under the promise of `part` and `view`.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above; sharing it gives nothing but parts that do not overlap.
unsafe impl<T: Send + Sync> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(buffer: &'a mut [T]) -> Self {
        Self { start: buffer.as_mut_ptr(), len: buffer.len(), buffer: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where item `at` lies, or would lie: not to be read.
    #[inline(always)]
    pub(crate) fn address(&self, at: usize) -> *const T {
        self.start.wrapping_add(at)
    }

    /// The part `range` of the buffer, to write.
    ///
    /// # Safety
    /// No part or view that lives at the same time may overlap.
    #[inline(always)]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "part of a shared buffer");
        // SAFETY: the range lies inside the buffer, which `new` borrowed for 'a; the caller keeps parts apart.
        unsafe { std::slice::from_raw_parts_mut(self.start.wrapping_add(range.start), range.len()) }
    }

    /// The part `range` of the buffer, to read.
    ///
    /// # Safety
    /// No part that lives at the same time may overlap; a barrier lies between its writing and this.
    #[inline(always)]
    pub(crate) unsafe fn view(&self, range: Range<usize>) -> &'a [T] {
        assert!(range.start <= range.end && range.end <= self.len, "view of a shared buffer");
        // SAFETY: the range lies inside the buffer, which `new` borrowed for 'a; the caller keeps writers away.
        unsafe { std::slice::from_raw_parts(self.start.wrapping_add(range.start), range.len()) }
    }
}
