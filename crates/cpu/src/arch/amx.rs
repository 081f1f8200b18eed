//! x86-64 with AMX: registers that hold tiles of 16 rows of 64 bytes, and instructions that multiply two of them: Sapphire
//! Rapids and what followed. One of them does what sixteen of VNNI do, and takes as long as eight.
//!
//! Rust has no stable intrinsics for them, so they are written in assembly, which compiles whatever the compile target
//! has. Linux hands the registers out on request only, to the whole process and for good, since they make what a change of
//! threads saves larger by 8 KB. With that, signal handlers need room for it too: where a thread has an alternative signal
//! stack that is too small, the request is refused, and later `sigaltstack` refuses stacks that are. A program that wants
//! smaller ones sets `WKV7_CPU=avx512vnni`, for which nothing is asked.

use std::arch::asm;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::avx512::{Beyond, Vnni};
use super::tiles::{SignedQuads, TILE_TOKENS, TileSums, Tiles};
use super::{GROUP, Missing, PANEL};
use crate::code_tiles::GroupCodes;

/// Proof that this machine has AMX for bytes and VNNI beside it, and that the system lets this process use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amx(());

impl Beyond for Amx {
    type Tiles = Registers;

    const VNNI: bool = true;
    const TILED: bool = true;
    const TASK_BYTES: usize = 1 << 20;

    fn new() -> Result<Self, Missing> {
        static THERE: OnceLock<Result<(), Missing>> = OnceLock::new();
        Vnni::new()?;
        THERE.get_or_init(find).map(Self)
    }

    #[inline(always)]
    fn tiled<R>(self, tokens: usize, work: impl FnOnce(&Registers) -> R) -> R {
        work(&Registers::new(self, tokens))
    }
}

/// Asks the processor, then the system.
fn find() -> Result<(), Missing> {
    let leaves = std::arch::x86_64::__cpuid(0).eax;
    let features = if leaves < 7 { 0 } else { std::arch::x86_64::__cpuid_count(7, 0).edx };
    for (bit, feature) in [(24, "amx-tile"), (25, "amx-int8")] {
        Missing::unless(feature, features >> bit & 1 == 1)?;
    }
    Missing::unless("the system's leave to use amx-tile", is_granted())
}

/// Whether the system saves tiles for the threads of this process, once asked.
#[cfg(target_os = "linux")]
fn is_granted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;
    // SAFETY: the call takes two numbers and touches no memory of ours; kernels that do not know it answer with an error.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_granted() -> bool {
    false // never tried
}

/// What `ldtilecfg` reads: the rows of each tile register, and the bytes of a row.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Tile registers: sums, `[tokens, PANEL]` of 4 bytes each; then codes of the tokens, `[tokens, GROUP]`, and of the panel.
const TOKENS: usize = 1;
const CODES: usize = 2;
const SUMS: usize = 0;

impl Shapes {
    fn new(tokens: usize) -> Self {
        let mut shapes =
            Self { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        let mut set = |tile: usize, rows: usize, row_bytes: usize| {
            (shapes.rows[tile], shapes.row_bytes[tile]) = (rows as u8, row_bytes as u16);
        };
        set(SUMS, tokens, 4 * PANEL);
        set(TOKENS, tokens, GROUP);
        set(CODES, GROUP / 4, 4 * PANEL);
        shapes
    }
}

thread_local! {
    /// Whether this thread's tiles are set up, which is only asked while debugging.
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// Tile registers in the shapes that products of so many tokens need, until dropped.
pub(crate) struct Registers(PhantomData<*const ()>); // not to be sent: they are this thread's

impl Registers {
    fn new(_: Amx, tokens: usize) -> Self {
        assert!((1..=TILE_TOKENS).contains(&tokens), "{tokens} tokens in a tile");
        debug_assert!(!IN_USE.replace(true), "tiles within tiles");
        let shapes = Shapes::new(tokens);
        // SAFETY: there are tile registers, as the first argument proves; the shapes are 64 bytes and within what palette 1
        // allows: 16 rows of 64 bytes.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, preserves_flags, readonly))
        };
        Self(PhantomData)
    }
}

impl Drop for Registers {
    fn drop(&mut self) {
        IN_USE.set(false);
        // SAFETY: there are tile registers, or this would not have been made.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }
}

impl Tiles for Registers {
    #[inline(always)]
    fn group(&self, panel: &SignedQuads, x: &[GroupCodes; TILE_TOKENS], sums: &mut TileSums) {
        // SAFETY: the shapes are set, since `self` lives on this thread, and no other is made meanwhile. What is read are at
        // most `TILE_TOKENS` rows of `GROUP` bytes of `x` and `GROUP / 4` rows of 64 bytes of the panel; what is written are
        // at most `TILE_TOKENS` rows of 64 bytes of `sums`.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tileloadd tmm1, [{x} + {group} * 1]",
                "tileloadd tmm2, [{panel} + {row} * 1]",
                "tdpbssd tmm0, tmm1, tmm2",
                "tilestored [{sums} + {row} * 1], tmm0",
                x = in(reg) x.as_ptr(),
                group = in(reg) GROUP,
                panel = in(reg) panel.as_ptr(),
                row = in(reg) 4 * PANEL,
                sums = in(reg) sums.0.as_mut_ptr(),
                out("tmm0") _,
                out("tmm1") _,
                out("tmm2") _,
                options(nostack, preserves_flags),
            );
        }
    }
}
