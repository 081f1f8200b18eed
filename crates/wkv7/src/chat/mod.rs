//! Chat templates: the exact strings that World and G1 models were trained on.
//!
//! A turn never ends in a blank, the separator "\n\n" never occurs inside a user's turn, and the odd-looking
//! unfinished `<think` and `</think` are right: the model writes the `>` itself, often as part of a longer
//! token.
//!
//! Source: `RWKV-v7/RWKV7-G1x-templates.txt` of BlinkDL/RWKV-LM.

mod clean;
mod template;
mod think;
mod tool;

pub use clean::{clean, strip_thinking};
pub use template::{Template, fill_in_the_middle};
pub use think::Think;
pub use tool::{Argument, Tool};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the whole conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The output of a function that the model called.
    Tool,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What was said, as it was typed or generated.
    #[serde(alias = "content")]
    pub text: String,
}

impl Message {
    /// A turn of `role`.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into() }
    }
}
