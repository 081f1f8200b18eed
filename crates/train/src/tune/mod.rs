//! Tuning: something small is trained, the weights stay as they are.
//!
//! * [`Samples`]: texts, or prompts with answers of which only the answer is learned.
//! * [`StateTuner`]: the state that sequences start from ([`TunedState`]).
//! * [`LoraTuner`]: thin matrices beside the large ones ([`Adapter`]).
//! * [`Tuning`]: how long, how fast, how many at a time.
//!
//! Every sample starts from the state at the beginning and is no longer than the context. Samples of about the same
//! length go together; what is shorter than its neighbours is filled up with tokens whose targets do not count, which
//! changes nothing: a model sees nothing of what comes later.

mod adapter;
mod batches;
mod course;
mod lora;
mod samples;
mod state;

pub use adapter::{Adapter, Matrix, Targets};
pub use course::{Outcome, Progress, Tuning};
pub use lora::{Lora, LoraTuner};
pub use samples::{Reading, Sample, Samples};
pub use state::{StateTuner, TunedState};

#[cfg(test)]
mod tests;
