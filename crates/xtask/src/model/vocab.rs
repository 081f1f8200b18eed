//! `cargo xtask model vocab`: a vocabulary for a corpus, in the official text form.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use super::output::Output;
use super::pieces::{self, Chunks};

/// Token 0, which separates documents and has no line, and the single bytes.
const FIXED: usize = 1 + 256;
/// Those, the letters and digits after a space, and some words.
const LEAST: usize = 512;

#[derive(Args)]
pub struct Options {
    /// The corpus, a `{"text": ...}` a line
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// Number of tokens, with the separator and the 256 single bytes
    #[arg(long, default_value_t = 1536)]
    size: usize,
    /// The vocabulary, `<id> <literal> <length>` a line
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Options {
    /// Of the usual size.
    pub fn standard(corpus: &Path, out: &Path) -> Self {
        Self { corpus: corpus.to_owned(), size: 1536, out: out.to_owned() }
    }
}

/// Chooses and writes it, and says how many bytes a token stands for.
///
/// # Errors
/// A corpus that cannot be read, a size without room for the bytes, or a file that cannot be written.
pub fn run(options: &Options) -> Result<()> {
    ensure!(options.size >= LEAST, "a vocabulary has at least {LEAST} tokens, found {}", options.size);
    let chunks = read(options)?;
    let pieces = pieces::choose(&chunks, &single(), options.size - FIXED);
    let (mut bytes, mut tokens) = (0, 0);
    for (chunk, count) in &chunks {
        bytes += chunk.len() as u64 * count;
        tokens += pieces::cut(chunk, &pieces).len() as u64 * count;
    }
    let mut output = Output::create(&options.out)?;
    let text = file(&pieces);
    text.lines().try_for_each(|line| output.line(line))?;
    output.finish()?;
    println!(
        "{} tokens; {bytes} bytes in {tokens} tokens, {:.3} bytes a token; {} different words and marks",
        FIXED + pieces.len(),
        bytes as f64 / tokens.max(1) as f64,
        chunks.len()
    );
    Ok(())
}

/// A letter or a digit after a space: what is said backwards or added should not depend on which of them a corpus has
/// more of.
fn single() -> BTreeSet<Vec<u8>> {
    (b'a'..=b'z').chain(b'0'..=b'9').map(|byte| vec![b' ', byte]).collect()
}

fn read(options: &Options) -> Result<Chunks> {
    let name = options.corpus.display();
    let file = File::open(&options.corpus).with_context(|| format!("opening {name}"))?;
    let mut chunks = Chunks::new();
    for (at, line) in BufReader::new(file).lines().enumerate() {
        let place = || format!("{name}, line {}", at + 1);
        let record: Value = serde_json::from_str(&line.with_context(place)?).with_context(place)?;
        let text = record.get("text").and_then(Value::as_str);
        pieces::count(text.context("expected a \"text\"").with_context(place)?, &mut chunks);
    }
    ensure!(!chunks.is_empty(), "{name} has no text");
    Ok(chunks)
}

/// The file: the bytes from id 1, then the pieces by length and bytes.
fn file(pieces: &BTreeSet<Vec<u8>>) -> String {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let mut longer: Vec<Vec<u8>> = pieces.iter().cloned().collect();
    longer.sort_by(|one, two| one.len().cmp(&two.len()).then_with(|| one.cmp(two)));
    tokens.extend(longer);
    let mut text = String::new();
    for (at, token) in tokens.iter().enumerate() {
        _ = writeln!(text, "{} {} {}", at + 1, literal(token), token.len()); // a String takes everything
    }
    text
}

/// The token as Python writes it: text where it is, else bytes.
fn literal(token: &[u8]) -> String {
    match std::str::from_utf8(token) {
        Ok(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let body: String = text.chars().map(|c| escape(c, quote)).collect();
            format!("{quote}{body}{quote}")
        }
        Err(_) => {
            let body: String = token.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("b'{body}'")
        }
    }
}

fn escape(c: char, quote: char) -> String {
    match c {
        '\n' => "\\n".into(),
        '\t' => "\\t".into(),
        '\r' => "\\r".into(),
        '\\' => "\\\\".into(),
        c if c == quote => format!("\\{c}"),
        c if (c as u32) < 0x20 || c as u32 == 0x7f => format!("\\x{:02x}", c as u32),
        c => c.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::library::Library;
    use crate::model::mix::{self, MAIN};
    use crate::model::rng::Rng;
    use crate::model::split::Split;

    #[test]
    fn literals_are_as_python_writes_them() {
        let cases: [(&[u8], &str); 6] = [
            (b" the", "' the'"),
            (b"'s", "\"'s\""),
            (b"\"'", "'\"\\''"),
            (b"\n\n", "'\\n\\n'"),
            (b"\x00", "'\\x00'"),
            (b"\x80", "b'\\x80'"),
        ];
        for (token, expected) in cases {
            assert_eq!(literal(token), expected);
        }
    }

    #[test]
    fn a_vocabulary_gives_back_every_text_and_cuts_numbers_into_digits() {
        let (library, mut texts, mut chunks) = (Library::new().unwrap(), Vec::new(), Chunks::new());
        mix::draw(&library, MAIN, Split::Train, 300_000, &mut Rng::new(7), |_, text| {
            pieces::count(text, &mut chunks);
            texts.push(text.to_owned());
            Ok(())
        })
        .unwrap();
        let pieces = pieces::choose(&chunks, &single(), 1024 - FIXED);
        assert_eq!(file(&pieces).lines().count() + 1, 1024);
        let (mut bytes, mut tokens) = (0, 0);
        for text in &texts {
            let parts = pieces::cut(text.as_bytes(), &pieces);
            assert_eq!(parts.concat(), text.as_bytes());
            assert!(parts.iter().all(|part| part.iter().filter(|byte| byte.is_ascii_digit()).count() <= 1));
            bytes += text.len();
            tokens += parts.len();
        }
        assert!(bytes * 10 > tokens * 33, "{bytes} bytes in {tokens} tokens");
    }

    #[test]
    fn ids_run_from_one_and_bytes_come_first() {
        let text = file(&BTreeSet::from([b" goose".to_vec(), b"ab".to_vec()]));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 258);
        assert_eq!((lines[97], lines[255]), ("98 'a' 1", "256 b'\\xff' 1"));
        assert_eq!(lines[256..], ["257 'ab' 2", "258 ' goose' 6"]);
    }
}
