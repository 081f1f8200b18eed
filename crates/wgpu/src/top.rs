//! The dispatches that select the largest logits, and what they leave for the host.
//!
//! The logits of a row are cut into lists; a workgroup sorts out the largest of each list, another merges them. So the
//! work does not grow with the square of anything, and few bytes are read back.

use wkv7_core::Config;

use crate::pipeline::Kernel;
use crate::plan::{Grid, Plan};

/// The largest logits that the device selects; more are selected on the host.
pub(crate) const LIMIT: usize = 128;
/// Lists that the logits of a row are cut into.
pub(crate) const LISTS: usize = 32;

/// Where in the results what concerns the largest logits lies, behind the logits themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// `[rows, LISTS, list]`: the largest logit of a list, the sum of the exponentials less it, then pairs of id and logit.
    lists: usize,
    /// `[rows, 1 + 2 * top]`: logarithm of the sum of the exponentials, then pairs.
    pub(crate) tops: usize,
    /// Words in all.
    pub(crate) words: usize,
    limit: usize,
}

impl Places {
    pub(crate) fn new(config: &Config, rows: usize) -> Self {
        let limit = LIMIT.min(config.vocab);
        let lists = rows * config.vocab;
        let tops = lists + rows * LISTS * (2 + 2 * limit);
        Self { lists, tops, words: tops + rows * Self::top_words(limit), limit }
    }

    /// Words of each row of logits with all that belongs to it.
    pub(crate) fn row_words(config: &Config) -> usize {
        Self::new(config, 1).words
    }

    /// Words of a row's `count` largest.
    pub(crate) fn top_words(count: usize) -> usize {
        1 + 2 * count
    }
}

/// Adds both.
pub(crate) fn top(plan: &mut Plan<'_>, places: Places) {
    let vocab = plan.config.vocab;
    let params = [vocab, places.lists, 2 + 2 * places.limit, places.tops, vocab.div_ceil(LISTS), 0, 0, 0];
    plan.kernel(Grid::Lists, Kernel::TopOfList, &params);
    plan.kernel(Grid::Tops, Kernel::TopOfRow, &params);
}
