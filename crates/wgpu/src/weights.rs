//! A model's weights and program on the device.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use wgpu::{BindGroup, Buffer, BufferUsages, ComputePipeline};
use wkv7_core::{Error, Packed, Progress};

use crate::Shape;
use crate::gpu::Gpu;
use crate::pipeline::{FEW, Kernel, MANY, TILE};
use crate::plan::{Grid, PARAMS_BYTES, Plan, Planned, Work};
use crate::product::Part;
use crate::scratch::Scratch;
use crate::steps::{Extent, TOKENS_WORD};
use crate::top::LISTS;
use crate::vectors::{self, place};

/// Bytes that are brought into form and handed over at once.
const CHUNK: usize = 4 << 20;
/// Bytes on their way at most: with the chunk being formed, what loading takes of the host's memory.
const IN_FLIGHT: usize = 32 << 20;

/// A dispatch, ready to go.
pub(crate) struct Dispatch {
    grid: Grid,
    tiled: bool,
    pub(crate) bindings: BindGroup,
    pipelines: [Arc<ComputePipeline>; 3], // of one, few, many rows of activations
    kernels: [Kernel; 3],                 // that they were compiled from
}

impl Dispatch {
    /// The kernel of a pass of this extent and the workgroups that it has.
    pub(crate) fn name(&self, extent: &Extent) -> String {
        let (which, [x, y]) = self.choose(extent);
        format!("{:?} {x}x{y}", self.kernels[which])
    }

    /// The pipeline and the workgroups for a pass of this extent; `None` where there is nothing to do.
    pub(crate) fn of(&self, extent: &Extent) -> Option<(&ComputePipeline, [u32; 2])> {
        let (which, groups) = self.choose(extent);
        (!groups.contains(&0)).then(|| (&*self.pipelines[which], groups.map(|n| n as u32)))
    }

    /// Which of the pipelines, and the workgroups.
    fn choose(&self, extent: &Extent) -> (usize, [usize; 2]) {
        match self.grid {
            Grid::Tokens => (0, [extent.tokens, 1]),
            Grid::Wanted => (0, [extent.wanted(), 1]),
            Grid::Heads(heads) => {
                (if extent.tokens > extent.sequences { 2 } else { 0 }, [heads, extent.sequences])
            }
            Grid::Lists => (0, [LISTS, extent.tops]),
            Grid::Tops => (0, [extent.tops, 1]),
            Grid::Product { strips, tiles, rows_word } => {
                let rows = if rows_word == TOKENS_WORD { extent.tokens } else { extent.head() };
                match rows {
                    0 | 1 => (0, [strips, rows]),
                    2..=8 => (1, [strips, rows.div_ceil(FEW as usize)]),
                    // From here on a tile, mostly empty as it may be, is taken to beat rows read again and again.
                    _ if self.tiled => (2, [tiles, rows.div_ceil(TILE as usize)]),
                    _ => (2, [strips, rows.div_ceil(MANY as usize)]),
                }
            }
        }
    }
}

/// What a loaded model keeps on the device besides its scratch.
pub(crate) struct Loaded {
    pub(crate) dispatches: Vec<Dispatch>,
    /// Bytes of weights.
    pub(crate) bytes: u64,
    /// What is not kept as in the file.
    pub(crate) packed: Vec<Packed>,
}

/// Bytes that the weights of `plan` take on the device.
pub(crate) fn device_bytes(plan: &Plan<'_>) -> u64 {
    let vectors = (plan.config.layers * place::COUNT + 4) * plan.config.channels * 4;
    plan.matrix_bytes() + (vectors + plan.dispatches.len() * PARAMS_BYTES) as u64
}

impl Loaded {
    /// Makes every buffer, then fills them, and compiles every pipeline that a forward may need.
    ///
    /// # Errors
    /// [`Error::Device`], [`Error::Cancelled`].
    pub(crate) fn new(
        gpu: &Gpu,
        plan: &Plan<'_>,
        scratch: &Scratch,
        progress: Option<&Progress>,
    ) -> Result<Self, Error> {
        let begun = Instant::now();
        let buffers = gpu.scoped(|| Ok(Buffers::new(gpu, plan)))?;
        buffers.fill(plan, Upload { gpu, in_flight: 0, done: 0, total: plan.matrix_bytes(), progress })?;
        let dispatches = gpu.scoped(|| {
            let each = plan.dispatches.iter().enumerate();
            each.map(|(number, planned)| buffers.dispatch(gpu, number, planned, scratch)).collect()
        })?;
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for (kind, bytes) in plan.parts().flat_map(Part::conversions) {
            *kinds.entry(kind).or_default() += bytes;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let packed = kinds.into_iter().map(|(what, bytes)| Packed::new(what, bytes, seconds));
        Ok(Self { dispatches, bytes: device_bytes(plan), packed: packed.collect() })
    }
}

/// The buffers that weights and parameters lie in.
struct Buffers {
    matrices: Vec<Option<Buffer>>, // [dispatches]
    layers: Vec<Buffer>,           // [layers] of [COUNT, channels]
    outside: Buffer,               // [4, channels]: ln0, ln_out
    params: Buffer,                // [dispatches, PARAMS_BYTES]
    none: Buffer,                  // where a kernel reads no matrix
}

impl Buffers {
    fn new(gpu: &Gpu, plan: &Plan<'_>) -> Self {
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let make = |label, bytes: usize, usage| gpu.buffer(label, bytes as u64, usage, false);
        let row = 4 * plan.config.channels;
        let matrices = plan.dispatches.iter().map(|planned| match &planned.work {
            Work::Kernel(..) => None,
            Work::Product(part) => Some(make("matrices", part.bytes, storage)),
        });
        let params = plan.dispatches.len() * PARAMS_BYTES;
        Self {
            matrices: matrices.collect(),
            layers: plan
                .weights
                .layers
                .iter()
                .map(|_| make("vectors", place::COUNT * row, storage))
                .collect(),
            outside: make("outer norms", 4 * row, storage),
            params: make("parameters", params, BufferUsages::UNIFORM | BufferUsages::COPY_DST),
            none: make("no matrix", 16, storage),
        }
    }

    fn fill(&self, plan: &Plan<'_>, mut upload: Upload<'_>) -> Result<(), Error> {
        for (layer, buffer) in plan.weights.layers.iter().zip(&self.layers) {
            upload.put(buffer, 0, &vectors::of_layer(layer, plan.config.channels))?;
        }
        upload.put(&self.outside, 0, &vectors::of_norms(&[&plan.weights.ln0, &plan.weights.ln_out]))?;
        for (number, (planned, buffer)) in plan.dispatches.iter().zip(&self.matrices).enumerate() {
            let words = match (&planned.work, planned.grid) {
                (Work::Product(part), Grid::Product { rows_word, .. }) => part.params(rows_word),
                (Work::Kernel(_, words), _) => words.clone(),
                (Work::Product(_), _) => Vec::new(), // never: a product's grid is one
            };
            let words: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            upload.put(&self.params, number * PARAMS_BYTES, &words)?;
            if let (Work::Product(part), Some(buffer)) = (&planned.work, buffer) {
                part.stream(CHUNK, |at, bytes| {
                    upload.put(buffer, at, bytes)?;
                    upload.tell(bytes.len())
                })?;
            }
        }
        upload.flush()
    }

    fn dispatch(
        &self,
        gpu: &Gpu,
        number: usize,
        planned: &Planned,
        scratch: &Scratch,
    ) -> Result<Dispatch, Error> {
        let params = wgpu::BufferBinding {
            buffer: &self.params,
            offset: (number * PARAMS_BYTES) as u64,
            size: std::num::NonZeroU64::new(PARAMS_BYTES as u64),
        };
        let vectors = planned.layer.and_then(|layer| self.layers.get(layer)).unwrap_or(&self.outside);
        let state = planned.layer.and_then(|layer| scratch.states.get(layer)).unwrap_or(&scratch.no_state);
        let matrices = self.matrices[number].as_ref().unwrap_or(&self.none);
        let storage = [&scratch.act, matrices, vectors, state, &scratch.steps, &scratch.results];
        let bindings = gpu.bind(params, storage);
        let kernels = match &planned.work {
            Work::Kernel(Kernel::Wkv(head_size), _) if gpu.shares_rows(*head_size) => {
                [Kernel::Wkv(*head_size), Kernel::Wkv(*head_size), Kernel::WkvTokens(*head_size)]
            }
            Work::Kernel(kernel, _) => [*kernel; 3],
            Work::Product(part) => [
                Kernel::Rows(part.element, 1),
                Kernel::Rows(part.element, FEW),
                match gpu.shape {
                    Shape::Narrow => Kernel::Rows(part.element, MANY),
                    Shape::Wide if gpu.features.cooperative && part.allows_halves() => {
                        Kernel::Cooperative(part.element)
                    }
                    Shape::Wide => Kernel::Tile(part.element),
                },
            ],
        };
        let [one, few, many] = kernels.map(|kernel| gpu.pipelines.get(gpu, kernel));
        Ok(Dispatch {
            tiled: gpu.shape == Shape::Wide,
            grid: planned.grid,
            bindings,
            pipelines: [one?, few?, many?],
            kernels,
        })
    }
}

/// Bytes on their way to the device.
struct Upload<'a> {
    gpu: &'a Gpu,
    in_flight: usize,
    done: u64,
    total: u64,
    progress: Option<&'a Progress>,
}

impl Upload<'_> {
    /// Hands `bytes`, whole words, to the device for `buffer` at `at`; waits where too many are on their way.
    fn put(&mut self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<(), Error> {
        self.gpu.scoped(|| {
            self.gpu.queue.write_buffer(buffer, at as u64, bytes);
            Ok(())
        })?;
        self.in_flight += bytes.len();
        if self.in_flight < IN_FLIGHT { Ok(()) } else { self.flush() }
    }

    /// Tells how far it is.
    fn tell(&mut self, bytes: usize) -> Result<(), Error> {
        self.done += bytes as u64;
        match self.progress {
            Some(progress) if !progress(self.done, self.total) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// Waits for all of them.
    fn flush(&mut self) -> Result<(), Error> {
        self.in_flight = 0;
        self.gpu.scoped(|| {
            self.gpu.queue.submit([]);
            self.gpu.wait()
        })
    }
}
