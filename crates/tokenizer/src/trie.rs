//! Longest match over bytes: a double-array trie behind a table of the first two bytes.
//!
//! A node's children lie at `base ^ byte` in one array of 64-bit cells, each of which repeats the byte it is reached
//! by, so a step is one load and one comparison. All nodes of one or two bytes are replaced by a table indexed with
//! both bytes at once: two thirds of a World token's average length cost one load.

use crate::Error;
use crate::space::Space;
use crate::table::Table;

/// One node, from the low bits up: tag (9), base (27), id (28).
///
/// In `cells` the tag is `USED | byte`, so that a free cell (0) matches no byte. In `pairs` it is the length, 0 to 2,
/// of the longest token that starts with the two bytes and has no more than two.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cell(u64);

const TAG_BITS: u32 = 9;
const BASE_BITS: u32 = 27;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;
const BASE_MASK: u64 = (1 << BASE_BITS) - 1;
/// Tag bit of a cell in use.
const USED: u64 = 0x100;
/// In place of an id: no token ends at this node. Ids are below `MAX_VOCAB`, far less.
const NO_ID: u32 = (1 << (64 - TAG_BITS - BASE_BITS)) - 1;

impl Cell {
    const FREE: Self = Self(0);

    /// A node without children: base 0 is the block that stays empty.
    fn leaf(tag: u64, id: u32) -> Self {
        Self(tag | u64::from(id) << (TAG_BITS + BASE_BITS))
    }

    fn with_base(self, base: u32) -> Self {
        Self(self.0 | u64::from(base) << TAG_BITS)
    }

    fn tag(self) -> u64 {
        self.0 & TAG_MASK
    }

    fn base(self) -> usize {
        (self.0 >> TAG_BITS & BASE_MASK) as usize
    }

    fn id(self) -> u32 {
        (self.0 >> (TAG_BITS + BASE_BITS)) as u32
    }
}

/// Finds the longest token at the start of a text.
pub(crate) struct Trie {
    /// [256] tokens of one byte, for the last byte of a text; `NO_ID` where there is none.
    singles: Vec<u32>,
    /// [65536] nodes of two bytes, by first byte × 256 + second byte.
    pairs: Vec<Cell>,
    /// [blocks × 256] nodes of three bytes and more; the first block stays free.
    cells: Vec<Cell>,
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
            let id = self.singles[usize::from(*text.first()?)];
            return (id != NO_ID).then_some((id, 1));
        };
        let pair = self.pairs[usize::from(*first) << 8 | usize::from(*second)];
        let (mut id, mut len) = (pair.id(), pair.tag() as usize);
        let mut base = pair.base();
        for (depth, &byte) in rest.iter().enumerate() {
            let cell = self.cells[base ^ usize::from(byte)];
            if cell.tag() != USED | u64::from(byte) {
                break;
            }
            base = cell.base();
            if cell.id() != NO_ID {
                (id, len) = (cell.id(), depth + 3);
            }
        }
        (len != 0).then_some((id, len))
    }
}

/// Nodes that still lack their children: the tokens `from..to` of the sorted list share their first `depth` bytes.
struct Pending {
    from: usize,
    to: usize,
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
        let mut trie = Self {
            singles: vec![NO_ID; 256],
            pairs: vec![Cell::leaf(0, NO_ID); 65536],
            cells: vec![Cell::FREE; 256],
        };
        let mut pending = trie.first_two_bytes(&tokens, sorted);
        let mut space = Space::new();
        let mut children = Vec::new();
        let mut labels = Vec::new();
        while let Some(Pending { from, to, depth, node }) = pending.pop() {
            children.clear();
            children.extend(groups(&tokens, from, to, depth));
            if children.is_empty() {
                continue;
            }
            labels.clear();
            labels.extend(children.iter().map(|&(byte, ..)| byte));
            let base = space.place(&labels);
            if base as u64 > BASE_MASK {
                // Cannot happen below MAX_BYTES unless blocks are left almost empty; refuse rather than wrap.
                return Err(Error::TooLarge {
                    what: "trie cells",
                    limit: BASE_MASK as usize,
                    found: base as usize,
                });
            }
            trie.cells.resize(space.cells(), Cell::FREE);
            let parent = match node {
                Node::Pair(at) => &mut trie.pairs[at],
                Node::Cell(at) => &mut trie.cells[at],
            };
            *parent = parent.with_base(base);
            for &(byte, from, to) in &children {
                let at = base as usize ^ usize::from(byte);
                let ends_here = tokens[from].len() == depth + 1;
                let id = if ends_here { sorted[from] } else { NO_ID };
                trie.cells[at] = Cell::leaf(USED | u64::from(byte), id);
                pending.push(Pending { from, to, depth: depth + 1, node: Node::Cell(at) });
            }
        }
        Ok(trie)
    }

    /// Fills `singles` and `pairs`; returns the pairs that may have children.
    fn first_two_bytes(&mut self, tokens: &[&[u8]], sorted: &[u32]) -> Vec<Pending> {
        let mut pending = Vec::new();
        for (first, from, to) in groups(tokens, 0, tokens.len(), 0) {
            let row = usize::from(first) << 8;
            if tokens[from].len() == 1 {
                self.singles[usize::from(first)] = sorted[from];
                self.pairs[row..row + 256].fill(Cell::leaf(1, sorted[from]));
            }
            for (second, from, to) in groups(tokens, from, to, 1) {
                let at = row | usize::from(second);
                if tokens[from].len() == 2 {
                    self.pairs[at] = Cell::leaf(2, sorted[from]);
                }
                pending.push(Pending { from, to, depth: 2, node: Node::Pair(at) });
            }
        }
        pending
    }
}

/// Splits the tokens `from..to`, equal up to `depth`, by their next byte: (byte, from, to), ascending. A token that
/// ends at `depth` stands first and belongs to no group.
fn groups(
    tokens: &[&[u8]],
    from: usize,
    to: usize,
    depth: usize,
) -> impl Iterator<Item = (u8, usize, usize)> {
    let byte_at = move |index: usize| tokens[index].get(depth).copied();
    let mut at = from;
    std::iter::from_fn(move || {
        while at < to {
            let start = at;
            let byte = byte_at(start);
            at += 1;
            while at < to && byte_at(at) == byte {
                at += 1;
            }
            if let Some(byte) = byte {
                return Some((byte, start, at));
            }
        }
        None
    })
}
