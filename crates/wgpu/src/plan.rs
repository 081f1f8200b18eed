//! The dispatches of a forward, in order: planned from the weights alone, before the device is asked for anything.

use wkv7_core::{Config, Error, Weights};

use crate::pipeline::Kernel;
use crate::product::{self, Matrix, Part};
use crate::regions::Regions;
use crate::steps::{HEAD_WORD, Lists, TOKENS_WORD};
use crate::top::{self, Places};
use crate::{BACKEND, channel_mix, head, time_mix};

/// Bytes of the parameters of one dispatch: what the largest takes, at the largest alignment that devices ask for.
pub(crate) const PARAMS_BYTES: usize = 512;
/// Lanes that a workgroup has on every device.
const MAX_LANES: usize = 256;

/// How many workgroups a dispatch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grid {
    /// One per token.
    Tokens,
    /// One per row that something is wanted of.
    Wanted,
    /// One per list of each row of which the largest logits are wanted.
    Lists,
    /// One per such row.
    Tops,
    /// One per head and sequence.
    Heads(usize),
    /// Those of a product with the rows of activations that a word of the steps counts.
    Product { strips: usize, tiles: usize, rows_word: u32 },
}

/// What a dispatch runs.
#[derive(Debug)]
pub(crate) enum Work {
    /// A kernel that reads no matrix.
    Kernel(Kernel, Vec<u32>),
    /// A product.
    Product(Part),
}

/// A dispatch.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) layer: Option<usize>,
    pub(crate) grid: Grid,
    pub(crate) work: Work,
}

/// The dispatches of a forward, as they are collected.
pub(crate) struct Plan<'a> {
    pub(crate) weights: &'a Weights,
    pub(crate) config: &'a Config,
    pub(crate) regions: &'a Regions,
    pub(crate) lists: &'a Lists,
    exact: bool,
    limit: u64,
    strip: u32,
    layer: Option<usize>,
    pub(crate) dispatches: Vec<Planned>,
}

impl<'a> Plan<'a> {
    /// All dispatches of a forward of `weights`, no binding of which shows more than `limit` bytes of a matrix; strips have
    /// `strip` rows.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for heads that are larger than a workgroup.
    pub(crate) fn new(
        weights: &'a Weights,
        regions: &'a Regions,
        lists: &'a Lists,
        places: Places,
        exact: bool,
        limit: u64,
        strip: u32,
    ) -> Result<Self, Error> {
        let config = weights.config();
        if config.head_size > MAX_LANES {
            let what = format!("heads of {} channels, at most {MAX_LANES}", config.head_size);
            return Err(Error::Unsupported { backend: BACKEND, what });
        }
        let mut plan = Self {
            weights,
            config,
            regions,
            lists,
            exact,
            limit,
            strip,
            layer: None,
            dispatches: Vec::new(),
        };
        head::embed(&mut plan);
        for (number, layer) in weights.layers.iter().enumerate() {
            plan.layer = Some(number);
            time_mix::time_mix(&mut plan, number, &layer.time_mix);
            channel_mix::channel_mix(&mut plan, &layer.channel_mix);
        }
        plan.layer = None;
        head::head(&mut plan);
        top::top(&mut plan, places);
        Ok(plan)
    }

    /// Adds a dispatch of a kernel that reads no matrix, with `eps` at its place among the parameters.
    pub(crate) fn norm(&mut self, grid: Grid, kernel: Kernel, params: &[usize], (at, eps): (usize, f32)) {
        let mut params = params.to_vec();
        params[at] = eps.to_bits() as usize;
        self.kernel(grid, kernel, &params);
    }

    /// Adds a dispatch of a kernel that reads no matrix.
    pub(crate) fn kernel(&mut self, grid: Grid, kernel: Kernel, params: &[usize]) {
        let params = params.iter().map(|&word| word as u32).collect();
        self.dispatches.push(Planned { layer: self.layer, grid, work: Work::Kernel(kernel, params) });
    }

    /// Adds a product of `matrices` with every token, or with the rows that go into the head.
    pub(crate) fn product(&mut self, matrices: Vec<Matrix>, of_wanted: bool) {
        let rows_word = if of_wanted { HEAD_WORD } else { TOKENS_WORD };
        for part in product::plan(matrices, self.exact, self.limit, self.strip) {
            let [strips, tiles] = part.workgroups();
            let grid = Grid::Product { strips, tiles, rows_word };
            self.dispatches.push(Planned { layer: self.layer, grid, work: Work::Product(part) });
        }
    }

    /// Numbers of a layer's state from slot to slot: two pasts of two shifts each, and the memory.
    pub(crate) fn slot_stride(&self) -> usize {
        slot_stride(self.config)
    }

    /// Bytes of all matrices on the device.
    pub(crate) fn matrix_bytes(&self) -> u64 {
        self.parts().map(|part| part.bytes as u64).sum()
    }

    /// The products' matrices.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.dispatches.iter().filter_map(|planned| match &planned.work {
            Work::Product(part) => Some(part),
            Work::Kernel(..) => None,
        })
    }
}

/// See [`Plan::slot_stride`].
pub(crate) fn slot_stride(config: &Config) -> usize {
    config.channels * (4 + config.head_size)
}
