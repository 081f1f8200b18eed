//! Questions with exact answers, by which a model's accuracy is measured.

use anyhow::Result;
use serde_json::{Value, json};

use super::chat::{self, Turn};
use super::library::Library;
use super::rng::Rng;
use super::split::Split;
use super::{arithmetic, tracking};

/// So many of each kind.
const EACH: usize = 80;

/// Draws questions that no training text asks, and facts in wordings that some do (`fact-trained`): `{"kind", "prompt", "answer"}`. Greedy continuation of the prompt must
/// start with the answer, which has its leading space.
///
/// # Errors
/// Data that name an unknown slot.
pub fn draw(library: &Library, rng: &mut Rng) -> Result<Vec<Value>> {
    let mut questions = Vec::with_capacity(5 * EACH);
    let split = Split::HeldOut;
    for kind in ["story", "fact", "fact-trained", "arithmetic", "tracking"] {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 * EACH {
            let turn = match kind {
                "story" => {
                    let story = library.story(split, rng)?;
                    chat::about_passage(&story, rng).swap_remove(0)
                }
                "fact" => library.fact(split, rng),
                "fact-trained" => library.fact(Split::Train, rng),
                "arithmetic" => arithmetic::turn(&library.cast, split, rng),
                _ => tracking::turn(&library.cast, split, rng),
            };
            if seen.insert(turn.ask.clone()) {
                questions.push(record(kind, &turn));
            }
            if seen.len() == EACH {
                break;
            }
        }
    }
    Ok(questions)
}

fn record(kind: &str, turn: &Turn) -> Value {
    json!({ "kind": kind, "prompt": turn.prompt(), "answer": format!(" {}", turn.answer) })
}
