//! Places for the children of trie nodes: which cells of the double array are taken.

/// 256 bits, one for each cell or base of a block.
type Bits = [u64; 4];

fn has(bits: &Bits, at: u8) -> bool {
    bits[usize::from(at >> 6)] >> (at & 63) & 1 != 0
}

fn set(bits: &mut Bits, at: u8) {
    bits[usize::from(at >> 6)] |= 1 << (at & 63);
}

/// 256 cells; children of one node share a block, because `base ^ byte` changes only the low 8 bits.
#[derive(Clone, Copy, Default)]
struct Block {
    cells: Bits,
    /// Two nodes never share a base, else the children of one would pass for the other's.
    bases: Bits,
    /// Cells taken.
    taken: u16,
}

impl Block {
    /// Low byte of a base that no node has and that puts all `labels` on free cells.
    fn fit(&self, labels: &[u8]) -> Option<u8> {
        let (&first, others) = labels.split_first()?;
        if usize::from(self.taken) + labels.len() > 256 {
            return None;
        }
        for (word, &cells) in self.cells.iter().enumerate() {
            let mut free = !cells;
            while free != 0 {
                let cell = (word as u8) << 6 | free.trailing_zeros() as u8;
                free &= free - 1;
                let base = cell ^ first;
                if !has(&self.bases, base) && others.iter().all(|&label| !has(&self.cells, base ^ label)) {
                    return Some(base);
                }
            }
        }
        None
    }

    fn take(&mut self, base: u8, labels: &[u8]) {
        set(&mut self.bases, base);
        for &label in labels {
            set(&mut self.cells, base ^ label);
        }
        self.taken += labels.len() as u16; // at most 256 in all
    }
}

/// The blocks of one double array.
pub(crate) struct Space {
    blocks: Vec<Block>,
    /// Only children are placed from this block on; those before it have no room.
    oldest: usize,
}

impl Space {
    /// One block, never used: the base 0 of a leaf must lead nowhere.
    pub(crate) fn new() -> Self {
        Self { blocks: vec![Block::default()], oldest: 1 }
    }

    /// Cells of all blocks together.
    pub(crate) fn cells(&self) -> usize {
        self.blocks.len() * 256
    }

    /// Takes the cells `base ^ label` of distinct `labels` and returns that base.
    pub(crate) fn place(&mut self, labels: &[u8]) -> u32 {
        let (block, base) = self.find(labels);
        self.blocks[block].take(base, labels);
        (block as u32) << 8 | u32::from(base)
    }

    fn find(&mut self, labels: &[u8]) -> (usize, u8) {
        if labels.len() == 1 {
            // An only child fits wherever a cell is free, so it fills what the families left over.
            while let Some(block) = self.blocks.get(self.oldest) {
                if let Some(base) = block.fit(labels) {
                    return (self.oldest, base);
                }
                self.oldest += 1;
            }
        } else if let Some((newest, block)) = self.blocks.iter().enumerate().skip(1).next_back()
            && let Some(base) = block.fit(labels)
        {
            // Only the newest block is tried: World fills every cell all the same, and loads faster.
            return (newest, base);
        }
        self.blocks.push(Block::default());
        (self.blocks.len() - 1, 0) // an empty block takes any family at any base
    }
}
