//! Every operation of every path against plain arithmetic.

/// Calls a generic function with a value of every instruction set that this machine has.
macro_rules! on_every_path {
    ($check:ident) => {{
        $check(crate::arch::Portable);
        #[cfg(target_arch = "x86_64")]
        if let Some(isa) = crate::arch::Avx2::new() {
            $check(isa);
        }
    }};
}
pub(crate) use on_every_path;
