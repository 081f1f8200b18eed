//! The World vocabulary inside this library.

use std::sync::{Arc, LazyLock};

use crate::table::{Table, TableBuilder};
use crate::{Error, Tokenizer, World};

/// Made and checked by the build script. For each token, in the order of their bytes: how many bytes it shares with
/// the one before (u8), how many follow (u8), its id (u16, little endian), those that follow.
static BLOB: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/world.bin"));

/// Ids 0 (end of text) to 65529.
const VOCAB: usize = 65_530;

/// The World vocabulary of RWKV (`rwkv_vocab_v20230424`): 65 529 tokens, every byte among them, id 0 the end of text.
///
/// Built at the first call, in milliseconds; later calls share it.
pub fn world() -> Arc<dyn Tokenizer> {
    static WORLD: LazyLock<Arc<World>> = LazyLock::new(|| {
        // The build script wrote the blob and refused any other vocabulary, so nothing in it can be out of range.
        Arc::new(load(BLOB).expect("the build script verified the vocabulary"))
    });
    WORLD.clone()
}

fn load(blob: &[u8]) -> Result<World, Error> {
    let (table, sorted) = unpack(blob)?;
    World::from_sorted("world", table, Some(0), &sorted)
}

/// The table, and its ids in the order of their bytes.
fn unpack(mut blob: &[u8]) -> Result<(Table, Vec<u32>), Error> {
    let mut builder = TableBuilder::new(VOCAB)?;
    builder.set(0, b"")?;
    let mut sorted = Vec::with_capacity(VOCAB - 1);
    let mut token = Vec::new();
    while let [shared, added, low, high, rest @ ..] = blob {
        let (suffix, next) = rest.split_at(usize::from(*added));
        token.truncate(usize::from(*shared));
        token.extend_from_slice(suffix);
        let id = u32::from(u16::from_le_bytes([*low, *high]));
        builder.set(id, &token)?;
        sorted.push(id);
        blob = next;
    }
    Ok((builder.finish(), sorted))
}
