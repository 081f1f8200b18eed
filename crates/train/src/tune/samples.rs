//! What is learned from: texts, and prompts with answers.

use std::path::Path;

use serde::Deserialize;
use wkv7_tokenizer::Tokenizer;

use crate::Error;
use crate::data::text::{self, Encoded, Lines};
use crate::data::{END, Error as DataError};

/// Tokens that are fed one after another, and from which on they are learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// The first token that is to be foreseen; all behind it are too. The very first of all is never: nothing comes
    /// before it.
    pub learned_from: usize,
}

impl Sample {
    /// Tokens of which every one is learned that others come before.
    #[must_use]
    pub fn text(tokens: Vec<u32>) -> Self {
        Self { tokens, learned_from: 0 }
    }

    /// A prompt and the answer to it, which alone is learned.
    #[must_use]
    pub fn pair(mut prompt: Vec<u32>, answer: &[u32]) -> Self {
        let learned_from = prompt.len();
        prompt.extend_from_slice(answer);
        Self { tokens: prompt, learned_from }
    }

    /// Tokens that are fed: all but the last.
    pub(crate) fn fed(&self) -> usize {
        self.tokens.len().saturating_sub(1)
    }

    /// Tokens that are learned.
    pub(crate) fn learned(&self) -> usize {
        self.tokens.len().saturating_sub(self.learned_from.max(1))
    }
}

/// How samples are made of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Most tokens that are fed of a sample; what is longer is cut.
    pub context: usize,
    /// Feed token [`END`] first, as between the documents of pretraining: then a text's first token is learned too.
    pub lead: bool,
    /// Learn to end: put token [`END`] behind every text and every answer.
    pub end: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { context: 512, lead: false, end: true }
    }
}

/// Samples, and what became of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// Each has something to learn.
    pub samples: Vec<Sample>,
    /// How many of them were cut to the context.
    pub cut: usize,
    /// How many were left out since nothing of them was left to learn.
    pub left_out: usize,
}

/// What is read of a line of JSON.
#[derive(Deserialize)]
struct Object {
    text: Option<String>,
    tokens: Option<Vec<u32>>,
    prompt: Option<String>,
    answer: Option<String>,
}

impl Samples {
    /// Reads a file. One whose name ends in `.jsonl` or `.ndjson` holds an object a line, with the key `"text"`, or
    /// `"tokens"`, or both `"prompt"` and `"answer"`; any other is one text.
    ///
    /// # Errors
    /// What the system says; the first line that cannot be used, by its number.
    pub fn read(path: &Path, tokenizer: &dyn Tokenizer, reading: &Reading) -> Result<Self, Error> {
        let mut samples = Self::default();
        if !text::is_json(path) {
            for document in Encoded::open(path, &text::Reading::default(), tokenizer)? {
                let mut tokens = document?;
                tokens.pop(); // the end, which is put there below if it is wanted
                samples.add(Sample::text(tokens), reading);
            }
            return Ok(samples);
        }
        let mut lines = Lines::open(path)?;
        while let Some(line) = lines.filled()? {
            samples.add(sample(&lines, &line, tokenizer)?, reading);
        }
        Ok(samples)
    }

    /// Makes samples of prompts and answers in memory; where a prompt is empty, all of the answer is learned but its
    /// first token.
    ///
    /// # Errors
    /// [`Error::Text`] for a text that the vocabulary cannot encode.
    pub fn pairs<P: AsRef<str>, A: AsRef<str>>(
        pairs: &[(P, A)],
        tokenizer: &dyn Tokenizer,
        reading: &Reading,
    ) -> Result<Self, Error> {
        let mut samples = Self::default();
        for (number, (prompt, answer)) in pairs.iter().enumerate() {
            let encode = |text: &str| {
                let mut tokens = Vec::new();
                let encoded = tokenizer.encode(text.as_bytes(), &mut tokens);
                encoded.map_err(|source| Error::Text { pair: number + 1, source })?;
                Ok::<_, Error>(tokens)
            };
            samples.add(Sample::pair(encode(prompt.as_ref())?, &encode(answer.as_ref())?), reading);
        }
        Ok(samples)
    }

    /// Adds `sample`, with what `reading` puts around it, and cut.
    pub fn add(&mut self, mut sample: Sample, reading: &Reading) {
        if reading.lead {
            sample.tokens.insert(0, END);
            // What was the first token of a text can now be foreseen.
            sample.learned_from += usize::from(sample.learned_from > 0);
        }
        if reading.end {
            sample.tokens.push(END);
        }
        let cut = sample.fed() > reading.context;
        sample.tokens.truncate(reading.context.saturating_add(1));
        if sample.learned() == 0 {
            self.left_out += 1;
            return;
        }
        self.cut += usize::from(cut);
        self.samples.push(sample);
    }

    /// Adds those of another file.
    pub fn append(&mut self, mut other: Self) {
        self.samples.append(&mut other.samples);
        self.cut += other.cut;
        self.left_out += other.left_out;
    }

    /// Takes out the last samples, `part` of all, rounded down: to measure on, not to learn from.
    pub fn hold_out(&mut self, part: f64) -> Vec<Sample> {
        let all = self.samples.len();
        let some = (all as f64 * part.clamp(0.0, 1.0)) as usize;
        self.samples.split_off(all - some.min(all))
    }
}

/// The sample of one line of JSON.
fn sample(lines: &Lines, line: &[u8], tokenizer: &dyn Tokenizer) -> Result<Sample, DataError> {
    let Object { text, tokens, prompt, answer } = lines.object(line)?;
    let encode = |text: &str| lines.encoded(text.as_bytes(), lines.number(), tokenizer);
    match (text, tokens, prompt, answer) {
        (Some(text), None, None, None) => Ok(Sample::text(encode(&text)?)),
        (None, None, Some(prompt), Some(answer)) => Ok(Sample::pair(encode(&prompt)?, &encode(&answer)?)),
        (None, Some(tokens), None, None) => {
            lines.check(&tokens, tokenizer)?;
            Ok(Sample::text(tokens))
        }
        (text, tokens, prompt, answer) => {
            let keys = [("text", text.is_some()), ("tokens", tokens.is_some())];
            let more = [("prompt", prompt.is_some()), ("answer", answer.is_some())];
            let found: Vec<&str> =
                keys.into_iter().chain(more).filter_map(|(key, there)| there.then_some(key)).collect();
            let found = if found.is_empty() { "neither".to_owned() } else { found.join(" and ") };
            Err(lines.refused(format!(
                "expected \"text\", or \"tokens\", or \"prompt\" and \"answer\"; found {found}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use wkv7_tokenizer::Bytes;

    use super::*;

    fn read(name: &str, content: &str, reading: &Reading) -> Result<Samples, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        Samples::read(&path, &Bytes, reading)
    }

    #[test]
    fn every_form_is_read() {
        let lines = "{\"text\":\"ab\"}\n\n{\"prompt\":\"ab\",\"answer\":\"c\"}\n{\"tokens\":[1,2,3]}\n";
        let samples = read("a.jsonl", lines, &Reading::default()).expect("sound");
        let want = [
            Sample { tokens: vec![97, 98, 0], learned_from: 0 },
            Sample { tokens: vec![97, 98, 99, 0], learned_from: 2 },
            Sample { tokens: vec![1, 2, 3, 0], learned_from: 0 },
        ];
        assert_eq!(samples, Samples { samples: want.to_vec(), cut: 0, left_out: 0 });
        let reading = Reading { lead: true, end: false, ..Reading::default() };
        let samples = read("a.ndjson", lines, &reading).expect("sound").samples;
        assert_eq!(samples[0], Sample { tokens: vec![0, 97, 98], learned_from: 0 });
        assert_eq!(samples[1], Sample { tokens: vec![0, 97, 98, 99], learned_from: 3 });
        let text = read("a.txt", "ab\nc", &Reading::default()).expect("sound").samples;
        assert_eq!(text, [Sample { tokens: vec![97, 98, 10, 99, 0], learned_from: 0 }]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_what_is_left_without_an_answer_goes() {
        let reading = Reading { context: 3, ..Reading::default() };
        let pairs = [("ab", "cdefg"), ("abcdefg", "h"), ("", "a"), ("a", "bc")];
        let samples = Samples::pairs(&pairs, &Bytes, &reading).expect("bytes");
        assert_eq!((samples.cut, samples.left_out, samples.samples.len()), (1, 1, 3));
        assert_eq!(samples.samples[0].tokens, b"abcd".map(u32::from));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let refused = |lines| read("a.jsonl", lines, &Reading::default()).expect_err("refused").to_string();
        let error = refused("{\"text\":\"a\"}\n{\"prompt\":\"a\"}\n");
        assert!(error.ends_with("a.jsonl, line 2: expected \"text\", or \"tokens\", or \"prompt\" and \"answer\"; found prompt"), "{error}");
        assert!(
            refused("{}").contains("found neither") && refused("{\"tokens\":[256]}").contains("token 256")
        );
        assert!(refused("[").contains("line 1: column"));
    }

    #[test]
    fn the_last_are_held_out() {
        let mut samples = Samples::default();
        (0..10).for_each(|n| samples.add(Sample::text(vec![1, n]), &Reading::default()));
        let held_out = samples.hold_out(0.25);
        assert_eq!((samples.samples.len(), held_out.len()), (8, 2));
        assert_eq!(held_out[1].tokens, [1, 9, 0]);
        assert!(samples.hold_out(0.0).is_empty() && samples.hold_out(f64::NAN).is_empty());
    }
}
