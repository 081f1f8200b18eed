//! Longest match over bytes: a double-array trie behind a table of the first two bytes.
//!
//! A node's children lie at `base ^ byte` in one array of 32-bit cells, each of which repeats the byte it is reached
//! by, so a step is one load and one comparison. All nodes of one or two bytes are replaced by a table indexed with
//! both bytes at once: half the bytes of an average World token cost one load. Ids are kept apart from the cells: only
//! one is read for each token, and nothing waits for it.

use std::ops::Range;

use crate::Error;
use crate::space::Space;
use crate::table::Table;

/// One node, from the low bits up: tag (9), whether a token ends here (1), base (22).
///
/// In `cells` the tag is `USED | byte`, so that a free cell (0) matches no byte. In `pairs` it is the length, 0 to 2,
/// of the longest token that starts with the two bytes and has no more than two.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cell(u32);

const TAG_MASK: u32 = 0x1ff;
/// Tag bit of a cell in use.
const USED: u32 = 0x100;
const END: u32 = 0x200;
const BASE_SHIFT: u32 = 10;
/// Bases end here: 4 Mi cells, where World takes 114 688.
const MAX_CELLS: usize = 1 << (32 - BASE_SHIFT);

impl Cell {
    const FREE: Self = Self(0);

    /// A node without children: base 0 is the block that stays empty.
    fn leaf(tag: u32, ends: bool) -> Self {
        Self(tag | if ends { END } else { 0 })
    }

    fn with_base(self, base: u32) -> Self {
        Self(self.0 | base << BASE_SHIFT)
    }

    fn tag(self) -> u32 {
        self.0 & TAG_MASK
    }

    fn ends(self) -> bool {
        self.0 & END != 0
    }

    fn base(self) -> usize {
        (self.0 >> BASE_SHIFT) as usize
    }
}

/// Finds the longest token at the start of a text.
pub(crate) struct Trie {
    /// [256] tokens of one byte, for the last byte of a text; `None` where there is none.
    singles: Vec<Option<u32>>,
    /// [65536] nodes of two bytes, by first byte × 256 + second byte.
    pairs: Vec<Cell>,
    /// [65536] the token of one or two bytes that the tag of the pair speaks of.
    pair_ids: Vec<u32>,
    /// [blocks × 256] nodes of three bytes and more; the first block stays free.
    cells: Vec<Cell>,
    /// [blocks × 256] the token that ends at a cell.
    ids: Vec<u32>,
}

impl Trie {
    /// Appends the ids of `text` cut greedily; `Err` holds the offset where no token starts.
    pub(crate) fn encode(&self, text: &[u8], ids: &mut Vec<u32>) -> Result<(), usize> {
        let mut rest = text;
        while let Some((id, len)) = self.longest(rest) {
            ids.push(id);
            rest = &rest[len..];
        }
        if rest.is_empty() { Ok(()) } else { Err(text.len() - rest.len()) }
    }

    /// Id and length of the longest token that `text` starts with.
    #[inline]
    fn longest(&self, text: &[u8]) -> Option<(u32, usize)> {
        let [first, second, rest @ ..] = text else {
            return self.singles[usize::from(*text.first()?)].map(|id| (id, 1));
        };
        let pair_at = usize::from(*first) << 8 | usize::from(*second);
        let mut cell = self.pairs[pair_at];
        let short = cell.tag() as usize;
        let (mut end_at, mut len) = (0, 0); // the last cell at which a token ended, and that token's length
        for (depth, &byte) in rest.iter().enumerate() {
            let at = cell.base() ^ usize::from(byte);
            cell = self.cells[at];
            if cell.tag() != USED | u32::from(byte) {
                break;
            }
            if cell.ends() {
                (end_at, len) = (at, depth + 3);
            }
        }
        if len != 0 {
            Some((self.ids[end_at], len))
        } else if short != 0 {
            Some((self.pair_ids[pair_at], short))
        } else {
            None
        }
    }
}

/// A node that still lacks its children: the tokens of `family` in the sorted list share their first `depth` bytes.
struct Pending {
    family: Range<usize>,
    depth: usize,
    node: Node,
}

/// Where a node is stored.
enum Node {
    Pair(usize),
    Cell(usize),
}

impl Trie {
    /// Builds the trie of `sorted`: ids of `table` in the order of their bytes, no bytes twice, none empty.
    pub(crate) fn new(table: &Table, sorted: &[u32]) -> Result<Self, Error> {
        let tokens: Vec<&[u8]> = sorted.iter().map(|&id| table.get(id).unwrap_or_default()).collect();
        let shared = shared_prefixes(&tokens);
        let mut trie = Self {
            singles: vec![None; 256],
            pairs: vec![Cell::FREE; 65536],
            pair_ids: vec![0; 65536],
            cells: Vec::new(),
            ids: Vec::new(),
        };
        let mut space = Space::new();
        trie.grow(space.cells())?;
        let mut pending = trie.first_two_bytes(&tokens, &shared, sorted);
        let (mut children, mut labels) = (Vec::new(), Vec::new());
        while let Some(Pending { family, depth, node }) = pending.pop() {
            children.clear();
            children.extend(split(&tokens, &shared, family, depth));
            if children.is_empty() {
                continue;
            }
            labels.clear();
            labels.extend(children.iter().map(|(byte, _)| *byte));
            let base = space.place(&labels);
            trie.grow(space.cells())?;
            let parent = match node {
                Node::Pair(at) => &mut trie.pairs[at],
                Node::Cell(at) => &mut trie.cells[at],
            };
            *parent = parent.with_base(base);
            for (byte, family) in children.drain(..) {
                let at = base as usize ^ usize::from(byte);
                let ends = tokens[family.start].len() == depth + 1;
                trie.cells[at] = Cell::leaf(USED | u32::from(byte), ends);
                trie.ids[at] = sorted[family.start]; // read only where a token ends
                pending.push(Pending { family, depth: depth + 1, node: Node::Cell(at) });
            }
        }
        Ok(trie)
    }

    /// Adds free cells up to `cells` in all, so that every base fits its bits.
    fn grow(&mut self, cells: usize) -> Result<(), Error> {
        if cells > MAX_CELLS {
            return Err(Error::TooLarge { what: "trie cells", limit: MAX_CELLS, found: cells });
        }
        self.cells.resize(cells, Cell::FREE);
        self.ids.resize(cells, 0);
        Ok(())
    }

    /// Fills `singles`, `pairs` and `pair_ids`; returns the pairs that may have children.
    fn first_two_bytes(&mut self, tokens: &[&[u8]], shared: &[u16], sorted: &[u32]) -> Vec<Pending> {
        let mut pending = Vec::new();
        for (first, family) in split(tokens, shared, 0..tokens.len(), 0) {
            let row = usize::from(first) << 8;
            if tokens[family.start].len() == 1 {
                let id = sorted[family.start];
                self.singles[usize::from(first)] = Some(id);
                self.pairs[row..row + 256].fill(Cell::leaf(1, false));
                self.pair_ids[row..row + 256].fill(id);
            }
            for (second, family) in split(tokens, shared, family, 1) {
                let at = row | usize::from(second);
                if tokens[family.start].len() == 2 {
                    self.pairs[at] = Cell::leaf(2, false);
                    self.pair_ids[at] = sorted[family.start];
                }
                pending.push(Pending { family, depth: 2, node: Node::Pair(at) });
            }
        }
        pending
    }
}

/// For each token of the sorted list, how many bytes it shares with the one before.
fn shared_prefixes(tokens: &[&[u8]]) -> Vec<u16> {
    // In range: MAX_TOKEN bounds the length.
    let shared = |pair: &[&[u8]]| pair[0].iter().zip(pair[1]).take_while(|(a, b)| a == b).count() as u16;
    std::iter::once(0).chain(tokens.windows(2).map(shared)).collect()
}

/// Splits the tokens of `family`, equal up to `depth`, by their next byte, ascending. The token that ends at `depth`, if
/// any, stands first and belongs to no part.
fn split<'a>(
    tokens: &'a [&'a [u8]],
    shared: &'a [u16],
    family: Range<usize>,
    depth: usize,
) -> impl Iterator<Item = (u8, Range<usize>)> + 'a {
    let Range { start, end } = family;
    let mut at = start + usize::from(tokens[start].len() == depth);
    std::iter::from_fn(move || {
        let byte = *tokens[..end].get(at)?.get(depth)?;
        let start = at;
        // The next part begins where a token shares no more than `depth` bytes with the one before.
        let next = shared[start + 1..end].iter().position(|&count| usize::from(count) <= depth);
        at = next.map_or(end, |more| start + 1 + more);
        Some((byte, start..at))
    })
}
