//! x86-64 with AMX: registers that hold tiles of 16 rows of 64 bytes, and instructions that multiply two of them: Sapphire
//! Rapids and what followed. For bytes, one of them does what sixteen of VNNI do, and takes as long as eight; for bf16, it
//! does what sixteen times as many multiply-adds of f32 do.
//!
//! Rust has no stable intrinsics for them, so they are written in assembly, which compiles whatever the compile target
//! has. Linux hands the registers out on request only, to the whole process and for good, since they make what a change of
//! threads saves larger by 8 KB. With that, signal handlers need room for it too: where a thread has an alternative signal
//! stack that is too small, the request is refused, and later `sigaltstack` refuses stacks that are. A program that wants
//! smaller ones sets `WKV7_CPU=avx512vnni`, for which nothing is asked.

use std::arch::asm;
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use super::avx512::{Beyond, Vnni};
use super::tiles::{Bf16Tiles, CutPanel, SignedQuads, Sixteen, TILE_TOKENS, TileSums, Tiles, check};
use super::{GROUP, Missing, PANEL, Reading};
use crate::bf16x3::{Cells, SIDE, Slab};
use crate::code_tiles::GroupCodes;
use crate::part_tiles::{Line, PartSums};
use crate::span_codes::{STEP_CODES, StepTile};

/// Proof that this machine has AMX for bytes and for bf16 and VNNI beside it, and that the system lets this process use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amx(());

impl Beyond for Amx {
    type Tiles = Registers;
    type Bf16Tiles = Bf16Registers;

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

    #[inline(always)]
    fn bf16_tiled<R>(self, width: usize, work: impl FnOnce(&Bf16Registers) -> R) -> R {
        work(&Bf16Registers::new(self, width))
    }
}

impl Amx {
    /// Runs `work` with tiles for cells of a product; not within another's `work`.
    #[inline(always)]
    pub(crate) fn cells<R>(self, work: impl FnOnce(&CellRegisters) -> R) -> R {
        work(&CellRegisters::new(self))
    }
}

/// Asks the processor, then the system.
fn find() -> Result<(), Missing> {
    has(24, "amx-tile")?;
    has(25, "amx-int8")?;
    has(22, "amx-bf16")?;
    Missing::unless("the system's leave to use amx-tile", is_granted())
}

/// Asks the processor for one of its features.
fn has(bit: u32, feature: &'static str) -> Result<(), Missing> {
    let leaves = std::arch::x86_64::__cpuid(0).eax;
    let features = if leaves < 7 { 0 } else { std::arch::x86_64::__cpuid_count(7, 0).edx };
    Missing::unless(feature, features >> bit & 1 == 1)
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

impl Shapes {
    /// The first `shapes.len()` registers, each with so many rows and bytes of a row; the others have none.
    fn new(shapes: &[(usize, usize)]) -> Self {
        let mut all = Self { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        for (tile, (rows, row_bytes)) in shapes.iter().enumerate() {
            (all.rows[tile], all.row_bytes[tile]) = (*rows as u8, *row_bytes as u16);
        }
        all
    }

    /// Sets this thread's registers up.
    ///
    /// # Safety
    /// There are tile registers, and no shape is beyond 16 rows of 64 bytes.
    unsafe fn set(&self) {
        debug_assert!(!IN_USE.replace(true), "tiles within tiles");
        // SAFETY: the caller's word; these are 64 bytes within what palette 1 allows.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const *self, options(nostack, preserves_flags, readonly))
        };
    }
}

/// Sets this thread's registers free.
///
/// # Safety
/// There are tile registers.
unsafe fn release() {
    IN_USE.set(false);
    // SAFETY: the caller's word.
    unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
}

thread_local! {
    /// Whether this thread's tiles are set up, which is only asked while debugging.
    static IN_USE: Cell<bool> = const { Cell::new(false) };
}

/// Tile registers in the shapes that products of so many tokens need, until dropped: sums, `[tokens, PANEL]` of 4 bytes
/// each; then codes of the tokens, `[tokens, GROUP]`, and of the panel. From the fourth on the same for the steps of a block:
/// sums of both parts, codes of the tokens, `[tokens, STEP_CODES]`, and both parts of the panel.
pub(crate) struct Registers(PhantomData<*const ()>); // not to be sent: they are this thread's

impl Registers {
    fn new(_: Amx, tokens: usize) -> Self {
        assert!((1..=TILE_TOKENS).contains(&tokens), "{tokens} tokens in a tile");
        let (sums, panel) = ((tokens, 4 * PANEL), (STEP_CODES / 4, 4 * PANEL));
        let of_group = [sums, (tokens, GROUP), (GROUP / 4, 4 * PANEL)];
        let of_step = [sums, sums, (tokens, STEP_CODES), panel, panel];
        let mut shapes = [(0, 0); 8];
        shapes[..3].copy_from_slice(&of_group);
        shapes[3..].copy_from_slice(&of_step);
        let shapes = Shapes::new(&shapes);
        // SAFETY: there are tile registers, as the first argument proves; no shape is beyond 16 rows of 64 bytes.
        unsafe { shapes.set() };
        Self(PhantomData)
    }
}

impl Drop for Registers {
    fn drop(&mut self) {
        // SAFETY: there are tile registers, or this would not have been made.
        unsafe { release() };
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

    #[inline(always)]
    fn span(&self, panel: &CutPanel, x: &StepTile<TILE_TOKENS>, sums: &mut [TileSums; 2]) {
        // SAFETY: as in `group`. What is read are four steps, each at most `TILE_TOKENS` rows of `STEP_CODES` bytes of `x`, which
        // take 1024 bytes, and two groups of either part of the panel, which take as many; what is written are at most
        // `TILE_TOKENS` rows of 64 bytes of both `sums`, which lie 1024 bytes apart.
        unsafe {
            asm!(
                "tilezero tmm3",
                "tilezero tmm4",
                "tileloadd tmm5, [{x} + {row} * 1]",
                "tileloadd tmm6, [{low} + {row} * 1]",
                "tileloadd tmm7, [{high} + {row} * 1]",
                "tdpbssd tmm3, tmm5, tmm6",
                "tdpbssd tmm4, tmm5, tmm7",
                "tileloadd tmm5, [{x} + {row} * 1 + 1024]",
                "tileloadd tmm6, [{low} + {row} * 1 + 1024]",
                "tileloadd tmm7, [{high} + {row} * 1 + 1024]",
                "tdpbssd tmm3, tmm5, tmm6",
                "tdpbssd tmm4, tmm5, tmm7",
                "tileloadd tmm5, [{x} + {row} * 1 + 2048]",
                "tileloadd tmm6, [{low} + {row} * 1 + 2048]",
                "tileloadd tmm7, [{high} + {row} * 1 + 2048]",
                "tdpbssd tmm3, tmm5, tmm6",
                "tdpbssd tmm4, tmm5, tmm7",
                "tileloadd tmm5, [{x} + {row} * 1 + 3072]",
                "tileloadd tmm6, [{low} + {row} * 1 + 3072]",
                "tileloadd tmm7, [{high} + {row} * 1 + 3072]",
                "tdpbssd tmm3, tmm5, tmm6",
                "tdpbssd tmm4, tmm5, tmm7",
                "tilestored [{sums} + {row} * 1], tmm3",
                "tilestored [{sums} + {row} * 1 + 1024], tmm4",
                x = in(reg) x.as_ptr(),
                low = in(reg) panel[0].as_ptr(),
                high = in(reg) panel[1].as_ptr(),
                row = in(reg) 4 * PANEL,
                sums = in(reg) sums.as_mut_ptr(),
                out("tmm3") _,
                out("tmm4") _,
                out("tmm5") _,
                out("tmm6") _,
                out("tmm7") _,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// Tile registers for panels of bf16 rows and tiles of so many tokens, until dropped: four tiles of sums `[PANEL, width]`, two of
/// rows, and two of the tokens' pairs.
pub(crate) struct Bf16Registers {
    width: usize,
    of_this_thread: PhantomData<*const ()>, // not to be sent
}

impl Bf16Registers {
    fn new(_: Amx, width: usize) -> Self {
        assert!((1..=TILE_TOKENS).contains(&width), "{width} tokens in a tile");
        let (sums, rows) = ((PANEL, 4 * width), (PANEL, 64));
        // SAFETY: there are tile registers, as the first argument proves; no shape is beyond 16 rows of 64 bytes.
        unsafe { Shapes::new(&[sums, sums, sums, sums, rows, rows, sums, sums]).set() };
        Self { width, of_this_thread: PhantomData }
    }
}

impl Drop for Bf16Registers {
    fn drop(&mut self) {
        // SAFETY: there are tile registers, or this would not have been made.
        unsafe { release() };
    }
}

impl Bf16Tiles for Bf16Registers {
    #[inline(always)]
    fn one(&self, rows: Sixteen<'_>, vectors: &[u32], parts: usize, sums: &mut PartSums) {
        let (rows, distance, steps) = rows.parts();
        check(steps, vectors, parts, self.width);
        if steps == 0 {
            return *sums = PartSums::ZERO;
        }
        // SAFETY: the shapes are set, since `self` lives on this thread, and no other is made meanwhile. What is read are
        // `steps` times 64 bytes of each of 16 rows, which `Sixteen` has, and as many times `parts` tiles of 16 rows of
        // `width` words, which the slice holds, as `check` has made sure; what is written are 16 rows of `width` numbers.
        // What is asked for need not lie anywhere.
        unsafe {
            asm!(
                "tilezero tmm0",
                "2:",
                "tileloadd tmm4, [{rows} + {stride} * 1]",
                "mov {left}, 4",
                "lea {ahead}, [{rows} + {AHEAD}]",
                "4:",
                "prefetcht1 [{ahead}]",
                "prefetcht1 [{ahead} + {stride}]",
                "prefetcht1 [{ahead} + {stride} * 2]",
                "add {ahead}, {stride}",
                "prefetcht1 [{ahead} + {stride} * 2]",
                "lea {ahead}, [{ahead} + {stride} * 2]",
                "add {ahead}, {stride}",
                "dec {left}",
                "jnz 4b",
                "mov {left}, {parts}",
                "3:",
                "tileloadd tmm6, [{vectors} + {line} * 1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "add {vectors}, {tile}",
                "dec {left}",
                "jnz 3b",
                "add {rows}, 64",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{sums} + {line} * 1], tmm0",
                rows = inout(reg) rows => _,
                stride = in(reg) distance,
                ahead = out(reg) _,
                AHEAD = const Reading::INTEL.ahead,
                vectors = inout(reg) vectors.as_ptr() => _,
                line = in(reg) 4 * self.width,
                tile = in(reg) 4 * self.width * PANEL,
                parts = in(reg) parts,
                left = out(reg) _,
                steps = inout(reg) steps => _,
                sums = in(reg) sums.0.as_mut_ptr(),
                out("tmm0") _,
                out("tmm4") _,
                out("tmm6") _,
                options(nostack),
            );
        }
    }

    #[inline(always)]
    fn four(&self, rows: [&[Line]; 2], vectors: [&[u32]; 2], parts: usize, sums: &mut [PartSums; 4]) {
        let steps = rows[0].len() / PANEL;
        assert!(
            rows[1].len() / PANEL == steps && self.width == TILE_TOKENS,
            "rows of one matrix, whole tiles"
        );
        vectors.iter().for_each(|vectors| check(steps, vectors, parts, self.width));
        if steps == 0 {
            return *sums = [PartSums::ZERO; 4];
        }
        // SAFETY: as in `one`, for both panels, of whose tiles there are `steps`, and both tiles of tokens; `sums` holds four
        // times what is written there, each `size_of::<PartSums>()` bytes, which is 1024, after the other.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{rows} + {line} * 1]",
                "tileloadd tmm5, [{others} + {line} * 1]",
                "mov {left}, {parts}",
                "3:",
                "tileloadd tmm6, [{vectors} + {line} * 1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm7, [{next} + {line} * 1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {vectors}, 1024",
                "add {next}, 1024",
                "dec {left}",
                "jnz 3b",
                "add {rows}, 1024",
                "add {others}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{sums} + {line} * 1], tmm0",
                "tilestored [{sums} + {line} * 1 + 1024], tmm1",
                "tilestored [{sums} + {line} * 1 + 2048], tmm2",
                "tilestored [{sums} + {line} * 1 + 3072], tmm3",
                rows = inout(reg) rows[0].as_ptr() => _,
                others = inout(reg) rows[1].as_ptr() => _,
                vectors = inout(reg) vectors[0].as_ptr() => _,
                next = inout(reg) vectors[1].as_ptr() => _,
                line = in(reg) 64_usize,
                parts = in(reg) parts,
                left = out(reg) _,
                steps = inout(reg) steps => _,
                sums = in(reg) sums.as_mut_ptr(),
                out("tmm0") _,
                out("tmm1") _,
                out("tmm2") _,
                out("tmm3") _,
                out("tmm4") _,
                out("tmm5") _,
                out("tmm6") _,
                out("tmm7") _,
                options(nostack),
            );
        }
    }
}

/// Tile registers for cells of a product, all of 16 rows of 64 bytes, until dropped.
pub(crate) struct CellRegisters(PhantomData<*const ()>); // not to be sent: they are this thread's

impl CellRegisters {
    fn new(_: Amx) -> Self {
        // SAFETY: there are tile registers, as the argument proves; no shape is beyond 16 rows of 64 bytes.
        unsafe { Shapes::new(&[(16, 64); 8]).set() };
        Self(PhantomData)
    }
}

impl Drop for CellRegisters {
    fn drop(&mut self) {
        // SAFETY: there are tile registers, or this would not have been made.
        unsafe { release() };
    }
}

/// Four tiles of sums, row by row.
#[repr(C, align(64))]
struct Sums([MaybeUninit<[f32; TILE_ROWS]>; 4 * TILE_ROWS]);

/// The rows of a tile, and the numbers of a row.
const TILE_ROWS: usize = SIDE / 2;

impl Cells for CellRegisters {
    // Registers 0 to 3 hold the sums, 4 and 5 both halves of the left slab, 6 and 7 of the right one. Of the nine products
    // of parts the six that matter come in an order in which only one of both slabs' parts changes at a time; loads go as
    // far ahead of their use as the registers allow.
    #[inline(always)]
    fn cell(&self, left: &[Slab], right: &[Slab], add: bool, c: &mut [f32], stride: usize) {
        assert_eq!(left.len(), right.len(), "the depth of both factors");
        assert!(c.len() >= (SIDE - 1) * stride + SIDE && stride >= SIDE, "room for a cell");
        if left.is_empty() {
            return;
        }
        let mut sums = Sums([const { MaybeUninit::uninit() }; 4 * TILE_ROWS]);
        // SAFETY: the shapes are set, since `self` lives on this thread, and no other is made meanwhile. What is read are
        // the slabs, 6 tiles of 1024 bytes each, as many of both as `steps` counts, and what is read and written of `c` are
        // `SIDE` rows of `SIDE` numbers, `stride` numbers apart, which it holds, as asserted; `sums` has room for four tiles,
        // and its first `SIDE / 2` rows are counted. Where there is AMX there is AVX-512, as its proof says.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                // Low by high.
                "tileloadd tmm4, [{left} + {row} * 1 + 4096]",
                "tileloadd tmm6, [{right} + {row} * 1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{right} + {row} * 1 + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{left} + {row} * 1 + 5120]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm4, [{left} + {row} * 1 + 2048]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // Middle by high.
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{left} + {row} * 1 + 3072]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm6, [{right} + {row} * 1 + 2048]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // Middle by middle.
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{right} + {row} * 1 + 3072]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm4, [{left} + {row} * 1]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // High by middle.
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{left} + {row} * 1 + 1024]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm6, [{right} + {row} * 1]",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // High by high.
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{right} + {row} * 1 + 1024]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tileloadd tmm6, [{right} + {row} * 1 + 4096]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // High by low.
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{right} + {row} * 1 + 5120]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {left}, 6144",
                "add {right}, 6144",
                "dec {steps}",
                "jnz 2b",
                "test {add:e}, {add:e}",
                "jnz 3f",
                "tilestored [{c} + {stride} * 1], tmm0",
                "tilestored [{c} + {stride} * 1 + 64], tmm1",
                "tilestored [{below} + {stride} * 1], tmm2",
                "tilestored [{below} + {stride} * 1 + 64], tmm3",
                "jmp 5f",
                "3:",
                "tilestored [{sums} + {row} * 1], tmm0",
                "tilestored [{sums} + {row} * 1 + 1024], tmm1",
                "tilestored [{sums} + {row} * 1 + 2048], tmm2",
                "tilestored [{sums} + {row} * 1 + 3072], tmm3",
                "4:",
                "vmovups zmm0, [{sums}]",
                "vmovups zmm1, [{sums} + 1024]",
                "vmovups zmm2, [{sums} + 2048]",
                "vmovups zmm3, [{sums} + 3072]",
                "vaddps zmm0, zmm0, [{c}]",
                "vaddps zmm1, zmm1, [{c} + 64]",
                "vaddps zmm2, zmm2, [{below}]",
                "vaddps zmm3, zmm3, [{below} + 64]",
                "vmovups [{c}], zmm0",
                "vmovups [{c} + 64], zmm1",
                "vmovups [{below}], zmm2",
                "vmovups [{below} + 64], zmm3",
                "add {sums}, 64",
                "add {c}, {stride}",
                "add {below}, {stride}",
                "cmp {sums}, {end}",
                "jne 4b",
                "5:",
                add = in(reg) u32::from(add),
                c = inout(reg) c.as_mut_ptr() => _,
                below = inout(reg) c.as_mut_ptr().wrapping_add(SIDE / 2 * stride) => _,
                stride = in(reg) size_of::<f32>() * stride,
                row = in(reg) 64_usize,
                left = inout(reg) left.as_ptr() => _,
                right = inout(reg) right.as_ptr() => _,
                steps = inout(reg) left.len() => _,
                sums = inout(reg) sums.0.as_mut_ptr() => _,
                end = in(reg) sums.0.as_mut_ptr().wrapping_add(SIDE / 2),
                out("zmm0") _,
                out("zmm1") _,
                out("zmm2") _,
                out("zmm3") _,
                out("tmm0") _,
                out("tmm1") _,
                out("tmm2") _,
                out("tmm3") _,
                out("tmm4") _,
                out("tmm5") _,
                out("tmm6") _,
                out("tmm7") _,
                options(nostack),
            );
        }
    }
}
