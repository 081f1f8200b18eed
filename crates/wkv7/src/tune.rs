//! Tuning on the model at hand: an initial state from pairs of text.
//!
//! Gradients are computed on the CPU, whatever backend runs the model.

use crate::{Error, Model};

pub use wkv7_train::Error as TrainError;
pub use wkv7_train::tune::{Progress, Reading, TunedState, Tuning};
use wkv7_train::tune::{Samples, StateTuner};

/// How to tune a state.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TuneOptions {
    /// How long, how fast, how many at a time.
    pub tuning: Tuning,
    /// What is put around the texts, and where they are cut.
    pub reading: Reading,
}

impl Default for TuneOptions {
    /// The published recipe, four times through all pairs.
    fn default() -> Self {
        Self { tuning: Tuning::state(), reading: Reading::default() }
    }
}

impl Model {
    /// Tunes a state, from the one that sessions of this model start from or from zeros, on prompts and the answers that
    /// should follow them; where a prompt is empty, all of the answer is learned. The weights stay as they are and may
    /// be of any type. `progress` hears of every step and answers whether to go on; what was learned so far is returned
    /// however it ends.
    ///
    /// [`TunedState::to_state`] is for [`crate::Session::set_state`], and what [`TunedState::save`] writes is for
    /// [`crate::Options::initial_state`].
    ///
    /// ```
    /// # use wkv7::{Model, Options};
    /// # use wkv7::tune::TuneOptions;
    /// # let weights = wkv7_testkit::TinyModel { channels: 32, head_size: 16, vocab: 256, ..Default::default() }.weights();
    /// # let model = Model::from_weights(weights, None, &Options::default())?;
    /// let pairs = [("Q: goose?\nA:", " A bird."), ("Q: gosling?\nA:", " A young bird.")];
    /// let tuned = model.tune_state(&pairs, &TuneOptions::default(), |step| step.done < 100)?;
    /// let mut session = model.session()?;
    /// session.set_state(&tuned.to_state(), 0)?;
    /// session.feed_text("Q: goose?\nA:")?;
    /// # Ok::<(), wkv7::Error>(())
    /// ```
    ///
    /// # Errors
    /// No vocabulary or a text that it cannot express; nothing to learn from; a schedule that cannot be followed.
    pub fn tune_state<P: AsRef<str>, A: AsRef<str>>(
        &self,
        pairs: &[(P, A)],
        options: &TuneOptions,
        mut progress: impl FnMut(&Progress) -> bool,
    ) -> Result<TunedState, Error> {
        let samples = Samples::pairs(pairs, &**self.tokenizer()?, &options.reading)?.samples;
        let start = self.start().map(|snapshot| &snapshot.state);
        let mut tuner = StateTuner::new(self.weights().clone(), start, &options.tuning)?;
        tuner.run(&samples, &mut progress)?;
        Ok(tuner.state())
    }
}
