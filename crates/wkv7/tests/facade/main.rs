//! The façade as its users see it, on tiny models.

mod adapters;
#[cfg(feature = "built-in")]
mod built_in;
mod cancel;
mod eval;
mod generate;
#[cfg(feature = "wgpu")]
mod moves;
mod session;
#[cfg(feature = "tune")]
mod tune;
mod verify;

use std::sync::Arc;

use wkv7::tokenizer::{Tokenizer, World};
use wkv7::{Model, Options, Session};
use wkv7_testkit::TinyModel;

/// A random model over bytes.
fn bytes_model() -> Model {
    seeded(7, &Options::default())
}

/// A random model over bytes with other weights for every seed.
fn seeded(seed: u64, options: &Options) -> Model {
    let weights = TinyModel { vocab: 256, seed, ..TinyModel::default() }.weights();
    Model::from_weights(weights, None, options).expect("a model")
}

/// A random model over 61 ids of which 0 ends the text, 1 to 4 are texts and the others nothing.
fn words_model() -> Model {
    let texts: [&[u8]; 5] = [b"", b"a", b"b", b"\n", b"a\n\nb"];
    let tokens = texts.iter().map(|text| Some(text.to_vec())).collect();
    let words: Arc<dyn Tokenizer> = Arc::new(World::from_tokens(tokens).expect("a vocabulary"));
    let weights = TinyModel::default().weights();
    Model::from_weights(weights, Some(words), &Options::default()).expect("a model")
}

/// Whether two sessions hold the same to the bit.
fn same(a: &Session, b: &Session) -> bool {
    a.state().expect("valid") == b.state().expect("valid") && a.logits() == b.logits()
}
