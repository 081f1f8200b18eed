//! Choosing the pieces that a text is cut into, greedily, the longest that matches.

use std::collections::{BTreeMap, BTreeSet};

/// Texts cut where no piece may go across: a word, a run of marks or one digit, each with the space before
/// it, or newlines.
///
/// A piece lies within such a chunk, so what a chunk is cut into does not depend on what stands beside it, and counting
/// chunks counts the corpus.
pub type Chunks = BTreeMap<Vec<u8>, u64>;

/// Adds the chunks of `text` to `chunks`.
pub fn count(text: &str, chunks: &mut Chunks) {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let end = chunk_end(bytes, start);
        match chunks.get_mut(&bytes[start..end]) {
            Some(count) => *count += 1,
            None => _ = chunks.insert(bytes[start..end].to_vec(), 1),
        }
        start = end;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Newline,
    Space,
    Mark,
}

fn class(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => Class::Letter,
        b'0'..=b'9' => Class::Digit,
        b'\n' => Class::Newline,
        b' ' => Class::Space,
        _ => Class::Mark,
    }
}

fn chunk_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    let mut kind = class(bytes[start]);
    if kind == Class::Space {
        match bytes.get(at).map(|&byte| class(byte)) {
            Some(next @ (Class::Letter | Class::Digit | Class::Mark)) => kind = next,
            _ => return at,
        }
        at += 1;
    }
    if kind != Class::Digit {
        at += bytes[at..].iter().take_while(|&&byte| class(byte) == kind).count();
    }
    at
}

/// Chooses at most `size` pieces of two bytes or more; those that are `fixed` are among them.
///
/// Merges the most frequent neighbours as byte-pair encoding does, to three times the size, because the longest match
/// makes many of the steps to a word useless; then drops, a few at a time and counting anew, those that save least.
pub fn choose(chunks: &Chunks, fixed: &BTreeSet<Vec<u8>>, size: usize) -> BTreeSet<Vec<u8>> {
    let mut pieces = merges(chunks, 3 * size);
    pieces.extend(fixed.iter().cloned());
    while pieces.len() > size {
        let savings = savings(chunks, &pieces);
        let free = pieces.iter().filter(|piece| !fixed.contains(*piece));
        let mut order: Vec<(u64, Vec<u8>)> =
            free.map(|piece| (savings.get(piece).copied().unwrap_or(0), piece.clone())).collect();
        order.sort();
        let useless = order.iter().take_while(|(saved, _)| *saved == 0).count();
        if order.is_empty() {
            break;
        }
        let drop = useless.max(pieces.len() / 50).max(1).min(pieces.len() - size).min(order.len());
        for (_, piece) in &order[..drop] {
            pieces.remove(piece);
        }
    }
    pieces
}

/// The results of up to `limit` merges of the most frequent pair of neighbours; the smaller pair where two are as frequent.
fn merges(chunks: &Chunks, limit: usize) -> BTreeSet<Vec<u8>> {
    let mut words: Vec<(Vec<Vec<u8>>, u64)> = chunks
        .iter()
        .map(|(chunk, &count)| (chunk.iter().map(|&byte| vec![byte]).collect(), count))
        .collect();
    let mut pieces = BTreeSet::new();
    while pieces.len() < limit {
        let mut pairs: BTreeMap<(&[u8], &[u8]), u64> = BTreeMap::new();
        for (word, count) in &words {
            for pair in word.windows(2) {
                *pairs.entry((&pair[0], &pair[1])).or_default() += count;
            }
        }
        let best = pairs.into_iter().max_by(|(one, a), (two, b)| a.cmp(b).then_with(|| two.cmp(one)));
        let Some(((left, right), _)) = best else { break };
        let (left, right) = (left.to_vec(), right.to_vec());
        for (word, _) in &mut words {
            let mut at = 0;
            while at + 1 < word.len() {
                if word[at] == left && word[at + 1] == right {
                    let tail = word.remove(at + 1);
                    word[at].extend(tail);
                }
                at += 1;
            }
        }
        pieces.insert([left, right].concat());
    }
    pieces
}

/// How many tokens each piece saves in the corpus as it is cut now, over single bytes.
fn savings(chunks: &Chunks, pieces: &BTreeSet<Vec<u8>>) -> BTreeMap<Vec<u8>, u64> {
    let mut saved = BTreeMap::new();
    for (chunk, count) in chunks {
        for piece in cut(chunk, pieces) {
            if piece.len() > 1 {
                *saved.entry(piece.to_vec()).or_default() += count * (piece.len() as u64 - 1);
            }
        }
    }
    saved
}

/// Cuts `text` greedily into the longest pieces, and single bytes where none matches.
pub fn cut<'a>(text: &'a [u8], pieces: &BTreeSet<Vec<u8>>) -> Vec<&'a [u8]> {
    let longest = pieces.iter().map(Vec::len).max().unwrap_or(1);
    let (mut rest, mut parts) = (text, Vec::new());
    while !rest.is_empty() {
        let most = longest.min(rest.len());
        let length = (2..=most).rev().find(|&length| pieces.contains(&rest[..length])).unwrap_or(1);
        parts.push(&rest[..length]);
        rest = &rest[length..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_between_words_marks_and_digits() {
        let mut chunks = Chunks::new();
        count("Hi, \"you 12 a\n\nb", &mut chunks);
        let found: Vec<&str> = chunks.keys().map(|chunk| std::str::from_utf8(chunk).unwrap()).collect();
        assert_eq!(found, ["\n\n", " \"", " 1", " a", ",", "2", "Hi", "b", "you"]);
    }

    #[test]
    fn frequent_words_become_pieces_and_the_size_is_kept() {
        let mut chunks = Chunks::new();
        count(&"the goose swims the lake ".repeat(50), &mut chunks);
        count("rare words", &mut chunks);
        let pieces = choose(&chunks, &BTreeSet::from([b" z".to_vec()]), 4);
        assert_eq!(pieces.len(), 4);
        assert!(pieces.contains(b" the".as_slice()) && pieces.contains(b" z".as_slice()), "{pieces:?}");
        assert_eq!(cut(b"x the goose", &pieces).concat(), b"x the goose");
    }
}
