//! Large pages for large buffers.

/// Asks the system to keep `x` in large pages as far as it fills some: what walks over it then waits less for addresses to
/// be translated, most of all in virtual machines. Where the system cannot, nothing happens. Meant for buffers that are
/// kept: it may take as long as copying them.
pub fn in_large_pages<T>(x: &mut [T]) {
    let before = x.as_mut_ptr().cast::<u8>().align_offset(LARGE);
    let len = size_of_val(x).saturating_sub(before) / LARGE * LARGE;
    if len > 0 {
        ask(x.as_mut_ptr().cast::<u8>().wrapping_add(before), len);
    }
}

/// Bytes of a large page of the machines that are common.
const LARGE: usize = 2 << 20;

/// Asks for the `len` bytes from `start` on, which are large pages.
#[cfg(target_os = "linux")]
fn ask(start: *mut u8, len: usize) {
    const MADV_COLLAPSE: libc::c_int = 25; // at once, since Linux 6.1; older ones do it by and by
    for advice in [libc::MADV_HUGEPAGE, MADV_COLLAPSE] {
        // SAFETY: neither advice changes what lies in the range or who may use it; where it is no one's, it is refused.
        unsafe { libc::madvise(start.cast(), len, advice) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask(_: *mut u8, _: usize) {}

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
        let mut odd = vec![[7_u8; 6144]; 2000]; // no whole number of them is a large page
        in_large_pages(&mut odd);
        assert!(odd.iter().flatten().all(|x| *x == 7));
    }
}
