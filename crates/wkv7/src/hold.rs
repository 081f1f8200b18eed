//! Holding back text that may still become a stop string, or half a character.

use std::collections::VecDeque;

use wkv7_tokenizer::{Error, StreamDecoder};

use crate::Piece;

/// Sampled tokens whose text is not certain yet.
#[derive(Debug)]
pub(crate) struct Hold {
    stop: Vec<String>,
    decoder: Option<StreamDecoder>,
    held: VecDeque<Held>,
    text: String,       // of all held pieces
    spare: Vec<String>, // texts given back, emptied
}

/// Texts kept for the next pieces: as many as come and go together.
const SPARES: usize = 8;

/// A piece that is held back.
#[derive(Debug)]
struct Held {
    piece: Piece,
    bytes: usize, // of the token; its text has fewer or more where a character began before or ends after
}

/// A piece that can be emitted.
#[derive(Debug)]
pub(crate) struct Certain {
    pub piece: Piece,
    /// How many bytes of its token are not of the stop string, where some are.
    pub kept: Option<usize>,
}

impl From<Held> for Certain {
    fn from(held: Held) -> Self {
        Self { piece: held.piece, kept: None }
    }
}

impl Hold {
    /// Nothing held; empty stop strings, which would stop at once, are left out.
    ///
    /// Without a decoder every text is empty.
    pub fn new(stop: Vec<String>, decoder: Option<StreamDecoder>) -> Self {
        Self { stop, decoder, held: VecDeque::new(), text: String::new(), spare: Vec::new() }
    }

    /// Number of tokens held back.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Keeps the memory of a text that is no longer needed.
    pub fn recycle(&mut self, mut text: String) {
        if self.spare.len() < SPARES {
            text.clear();
            self.spare.push(text);
        }
    }

    /// Takes the next token, of `bytes` bytes. Appends the pieces that are certain now to `ready`, oldest first;
    /// tells which stop string has appeared, if one has.
    pub fn push(
        &mut self,
        token: u32,
        log_probability: f32,
        bytes: usize,
        ready: &mut VecDeque<Certain>,
    ) -> Result<Option<usize>, Error> {
        let mut text = self.spare.pop().unwrap_or_default();
        if let Some(decoder) = &mut self.decoder {
            decoder.push_into(token, &mut text)?;
        }
        self.text.push_str(&text);
        self.held.push_back(Held { piece: Piece { token, text, log_probability }, bytes });
        if let Some((at, index)) = self.find_stop() {
            self.stop_at(at, ready);
            return Ok(Some(index));
        }
        let certain = self.text.len() - self.possible_stop();
        let whole = self.held.len() - self.unfinished();
        let (mut end, mut released) = (0, 0);
        for _ in 0..whole {
            end += self.held.front().map_or(0, |held| held.piece.text.len());
            if end > certain {
                break;
            }
            released = end;
            ready.extend(self.held.pop_front().map(Certain::from));
        }
        self.text.drain(..released);
        Ok(None)
    }

    /// The end: all that is held is certain now, and appended to `ready`. Half a character becomes U+FFFD.
    pub fn finish(&mut self, ready: &mut VecDeque<Certain>) {
        let tail = self.decoder.as_mut().map(StreamDecoder::finish).unwrap_or_default();
        if let Some(last) = self.held.back_mut() {
            last.piece.text.push_str(&tail);
        }
        ready.extend(self.held.drain(..).map(Certain::from));
        self.text.clear();
    }

    /// Where the first stop string begins, and which; the longest where two begin together.
    fn find_stop(&self) -> Option<(usize, usize)> {
        let found = |(index, stop): (usize, &String)| {
            if stop.is_empty() { None } else { self.text.find(stop.as_str()).map(|at| (at, index)) }
        };
        let longest_first = |&(at, index): &(usize, usize)| (at, usize::MAX - self.stop[index].len());
        self.stop.iter().enumerate().filter_map(found).min_by_key(longest_first)
    }

    /// Releases the pieces before byte `at` of the text, where a stop string begins.
    fn stop_at(&mut self, at: usize, ready: &mut VecDeque<Certain>) {
        // Text and tokens are cut apart: a broken character shows only in the text of a later token.
        let pending = self.decoder.as_ref().map_or(0, |decoder| decoder.pending().len());
        let mut gone = self.text.len() - at + pending;
        let mut kept: Vec<usize> = Vec::with_capacity(self.held.len());
        for held in self.held.iter().rev() {
            kept.push(held.bytes.saturating_sub(gone));
            gone = gone.saturating_sub(held.bytes);
        }
        let mut left = at;
        for (Held { mut piece, bytes }, kept) in self.held.drain(..).zip(kept.into_iter().rev()) {
            if left == 0 && kept == 0 {
                break;
            }
            piece.text.truncate(left); // `at` is the start of a match, so this is a character's start
            left -= piece.text.len();
            ready.push_back(Certain { piece, kept: (kept < bytes).then_some(kept) });
        }
        self.text.clear();
    }

    /// Bytes at the end of the text that are the beginning of a stop string.
    fn possible_stop(&self) -> usize {
        let overlap = |stop: &String| {
            let longest = stop.len().saturating_sub(1).min(self.text.len());
            (1..=longest).rev().find(|&n| self.text.as_bytes().ends_with(&stop.as_bytes()[..n])).unwrap_or(0)
        };
        self.stop.iter().map(overlap).max().unwrap_or(0)
    }

    /// Tokens at the end to which an unfinished character belongs.
    fn unfinished(&self) -> usize {
        let mut pending = self.decoder.as_ref().map_or(0, |decoder| decoder.pending().len());
        let mut count = 0;
        for held in self.held.iter().rev() {
            if pending == 0 {
                break;
            }
            pending = pending.saturating_sub(held.bytes);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wkv7_tokenizer::Bytes;

    use super::*;

    /// Feeds bytes; returns the released texts joined, the stop string, and the number of tokens released.
    fn run(stop: &[&str], bytes: &[u8]) -> (String, Option<usize>, usize) {
        let stop = stop.iter().map(|stop| (*stop).to_owned()).collect();
        let mut hold = Hold::new(stop, Some(StreamDecoder::new(Arc::new(Bytes))));
        let mut ready = VecDeque::new();
        let mut stopped = None;
        for &byte in bytes {
            stopped = hold.push(u32::from(byte), 0.0, 1, &mut ready).expect("a byte");
            if stopped.is_some() {
                break;
            }
        }
        if stopped.is_none() {
            hold.finish(&mut ready);
        }
        let count = ready.len();
        (ready.into_iter().map(|certain| certain.piece.text).collect(), stopped, count)
    }

    #[test]
    fn stop_strings_are_never_emitted() {
        let table: [(&[&str], &str, &str, Option<usize>); 8] = [
            (&["\n\n"], "one\ntwo\n\nthree", "one\ntwo", Some(0)),
            (&["\n\nUser:"], "a\n\nUse it\n\n\nUser: b", "a\n\nUse it\n", Some(0)),
            (&["abc", "b"], "xab", "xa", Some(1)),
            (&["ab", "abab"], "xabab", "x", Some(0)),
            (&["aab"], "aaab", "a", Some(0)),
            (&["é!"], "café?é!", "café?", Some(0)),
            (&["never", ""], "nevenevr", "nevenevr", None),
            (&[], "text", "text", None),
        ];
        for (stop, text, want, index) in table {
            let (got, stopped, _) = run(stop, text.as_bytes());
            assert_eq!((got.as_str(), stopped), (want, index), "{stop:?} in {text:?}");
        }
    }

    #[test]
    fn characters_come_whole_and_nothing_is_lost() {
        let (text, _, count) = run(&[], "é€🙂".as_bytes());
        assert_eq!((text.as_str(), count), ("é€🙂", 9));
        let (text, _, count) = run(&["x"], b"a\xf0\x9f");
        assert_eq!((text.as_str(), count), ("a\u{fffd}", 3));
        let (text, ..) = run(&[], b"\xffa\xc3b");
        assert_eq!(text, "\u{fffd}a\u{fffd}b");
    }

    #[test]
    fn a_stop_string_takes_its_own_bytes_and_no_others() {
        let kept = |stop: &str, bytes: &[u8]| {
            let mut hold = Hold::new(vec![stop.to_owned()], Some(StreamDecoder::new(Arc::new(Bytes))));
            let mut ready = VecDeque::new();
            for &byte in bytes {
                hold.push(u32::from(byte), 0.0, 1, &mut ready).expect("a byte");
            }
            ready.into_iter().map(|certain| certain.kept).collect::<Vec<_>>()
        };
        assert_eq!(kept("\n", b"a\n"), [None]);
        assert_eq!(kept("\n", b"\xc3\n"), [None, Some(0)]); // the newline shows the break
        assert_eq!(kept("é", b"\xc3\xc3\xa9"), [None, Some(0)]);
    }

    #[test]
    fn pieces_wait_for_their_character() {
        let mut hold = Hold::new(Vec::new(), Some(StreamDecoder::new(Arc::new(Bytes))));
        let mut push = |byte: u8| {
            let mut ready = VecDeque::new();
            hold.push(u32::from(byte), 0.0, 1, &mut ready).expect("a byte");
            ready.len()
        };
        assert_eq!([push(b'a'), push(0xc3), push(0xa9), push(0xc3), push(b'b')], [1, 0, 2, 0, 2]);
    }
}
