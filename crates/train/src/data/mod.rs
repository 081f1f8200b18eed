//! What is learned from: tokens in files, and the order in which they are shown.
//!
//! - [`BinIdx`], [`Writer`]: the `.bin` and `.idx` pair of the official trainer, read where it lies and written.
//! - [`text`]: JSON lines and plain text, one document after another; [`build()`] makes a pair of them.
//! - [`Dataset`]: the documents of a pair or of text as one stream, the last part of it held out.
//! - [`Batches`]: the batch of any step, in the official order ([`Order`]) or one of another seed.
//!
//! Documents end with token [`END`]. A sample is cut from the stream wherever it falls, across the ends of documents,
//! and begins from the zero state.
//!
//! ```
//! use wkv7_train::data::{Dataset, END};
//!
//! let documents = (0..100).map(|n| vec![1 + n, 7, END]);
//! let data = Dataset::from_documents("numbers", documents, 256)?.hold_out(0.1)?;
//! let batches = data.batches(8, 4, 0)?; // a context of 8, 4 samples a step, the official order
//! let step = 41; // all that a run that resumes must know
//! for (fed, follows) in batches.get(step)?.samples() {
//!     assert_eq!(fed[1..], follows[..7]);
//! }
//! # Ok::<(), wkv7_train::data::Error>(())
//! ```

mod batches;
mod binidx;
mod build;
mod dataset;
mod error;
mod order;
pub mod text;
mod writer;

pub use crate::random::shuffled;
pub use batches::{Batch, Batches, HeldOut};
pub use binidx::{BinIdx, Element, stem};
pub use build::{Build, build};
pub use dataset::{Dataset, Documents, HELD_OUT, Part};
pub use error::Error;
pub use order::Order;
pub use writer::{Summary, Writer};

/// The token that ends every document.
pub const END: u32 = 0;

/// Told how much is done of how much; answers whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;
