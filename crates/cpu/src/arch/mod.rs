//! Instruction sets. The kernels are written once, over [`Isa`], and compiled once per instruction set.
//!
//! A value of an [`Isa`] type is the proof that this machine has those instructions: it is made by detection when
//! a model is loaded, and [`Isa::run`] compiles whatever is inlined into its closure for them. Kernels are
//! therefore generic functions marked `#[inline(always)]`, called from within `isa.run(|| ...)`.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod path;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
pub use path::Path;
pub(crate) use portable::Portable;

/// An instruction set that this machine is known to have.
pub(crate) trait Isa: Copy + Send + Sync + 'static {
    /// Runs `kernel`, compiled for this instruction set together with all that is inlined into it.
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R;

    /// `a * b + c`, rounded once where the machine can. Only fast inside [`Isa::run`].
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32;
}

#[cfg(test)]
pub(crate) mod tests {
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
}
