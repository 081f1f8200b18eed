//! Large pages for large buffers.

/// Asks the system to keep `x` in large pages as far as it fills some: what walks over it then waits less for addresses to
/// be translated, most of all in virtual machines. Where the system cannot, nothing happens. Meant for buffers that are
/// kept: it may take as long as copying them.
pub fn in_large_pages<T>(x: &mut [T]) {
    let (start, len) = (x.as_mut_ptr().addr(), size_of_val(x));
    let first = start.next_multiple_of(LARGE);
    let count = (start + len).saturating_sub(first) / LARGE;
    if count > 0 {
        ask(&mut x[(first - start).div_ceil(size_of::<T>().max(1))..], count * LARGE);
    }
}

/// Bytes of a large page of the machines that are common.
const LARGE: usize = 2 << 20;

/// Asks for the first `len` bytes of `x`, which begins with a large page.
#[cfg(target_os = "linux")]
fn ask<T>(x: &mut [T], len: usize) {
    const MADV_COLLAPSE: libc::c_int = 25; // at once, since Linux 6.1; older ones do it by and by
    debug_assert!(len <= size_of_val(x), "within the buffer");
    for advice in [libc::MADV_HUGEPAGE, MADV_COLLAPSE] {
        // SAFETY: the range is memory of `x`, and neither advice changes what lies there or who may use it.
        unsafe { libc::madvise(x.as_mut_ptr().cast(), len, advice) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask<T>(_: &mut [T], _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_changes_whatever_the_length() {
        for len in [0, 1, LARGE / 4 - 1, LARGE, 3 * LARGE + 5] {
            let mut x: Vec<u32> = (0..len as u32).collect();
            in_large_pages(&mut x);
            in_large_pages(&mut x[len / 3..]);
            assert!(x.iter().enumerate().all(|(at, x)| at as u32 == *x), "{len}");
        }
        in_large_pages::<()>(&mut [()]);
    }
}
