//! What a person says for a model: a file, a folder, or the one inside this program.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use wkv7::formats::{self, Checkpoint};
use wkv7::{BUILT_IN, Model, Options};

use crate::terminal::{self, interrupt, progress};

/// The MODEL of a command that can do without.
#[derive(Debug, Clone, Args)]
pub struct ModelArg {
    /// The checkpoint: .pth, safetensors, GGUF, rwkv.cpp .bin, or a Hugging Face folder [default: built-in, a very
    /// small model inside this program]
    #[arg(value_name = "MODEL")]
    pub model: Option<ModelName>,
}

/// A model by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelName {
    /// A file or a folder.
    Path(PathBuf),
    /// The model inside this program.
    BuiltIn,
}

/// What the names of checkpoints end in.
const EXTENSIONS: [&str; 6] = ["pth", "pt", "safetensors", "st", "gguf", "bin"];

impl ModelArg {
    /// The model that is meant: the built-in one where none is named.
    pub fn name(&self) -> ModelName {
        self.model.clone().unwrap_or(ModelName::BuiltIn)
    }

    /// The same; a person who named none is told what that means.
    pub fn chosen(&self) -> ModelName {
        if self.model.is_none() && terminal::stderr_is_terminal() {
            terminal::note("using the built-in model, a very small one; give a MODEL to use your own");
        }
        self.name()
    }

    /// Takes the word back where it can be no model, and so is a text for the built-in one: no file or folder, and
    /// nothing that looks like the path of one, which may be a slip.
    pub fn take_text(&mut self) -> Option<String> {
        let Some(ModelName::Path(path)) = &self.model else { return None };
        if path.exists() || looks_like_path(path) {
            return None;
        }
        let text = path.to_str()?.to_owned();
        self.model = None;
        Some(text)
    }

    /// `error`, with the way out where the word that names no model was surely meant as a text, or as the first word of
    /// one that goes on in `rest`.
    pub fn advised(&self, error: anyhow::Error, rest: Option<&String>) -> anyhow::Error {
        let Some(ModelName::Path(path)) = &self.model else { return error };
        if path.exists() || ends_like_checkpoint(path) {
            return error;
        }
        let spaced = path.to_string_lossy().contains(char::is_whitespace);
        let advice = match (looks_like_path(path), rest) {
            (false, Some(_)) => "a text of several words needs quotes around it",
            (true, None) if spaced => {
                "a text that looks like a path needs a MODEL before it, such as `built-in`"
            }
            _ => return error,
        };
        anyhow::anyhow!("{}; {advice}", wkv7::story(error.as_ref()))
    }
}

impl ModelName {
    /// Opens the checkpoint: nothing but headers is read.
    pub fn checkpoint(&self) -> Result<Checkpoint, wkv7::Error> {
        match self {
            Self::Path(path) => Ok(formats::open(path)?),
            Self::BuiltIn => wkv7::built_in(),
        }
    }

    /// Loads the model, showing how far it is.
    pub fn load(&self, mut options: Options) -> anyhow::Result<Model> {
        let (_bar, progress) = progress::bytes("loading");
        options.load.progress = Some(progress);
        let model = match self {
            Self::Path(path) => Model::open(path, &options),
            Self::BuiltIn => Model::built_in(&options),
        };
        if interrupt::asked() {
            anyhow::bail!("stopped while loading {self}");
        }
        Ok(model?)
    }
}

impl From<OsString> for ModelName {
    /// The word `built-in` is the model inside, unless a file or a folder has that name.
    fn from(word: OsString) -> Self {
        let path = PathBuf::from(word);
        if path.as_os_str() == BUILT_IN && !path.exists() { Self::BuiltIn } else { Self::Path(path) }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::BuiltIn => f.pad(BUILT_IN),
        }
    }
}

/// Whether `path` has a separator or ends as checkpoints do.
fn looks_like_path(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    ends_like_checkpoint(path) || bytes.iter().any(|&byte| std::path::is_separator(char::from(byte)))
}

fn ends_like_checkpoint(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(word: &str) -> ModelArg {
        ModelArg { model: Some(ModelName::from(OsString::from(word))) }
    }

    #[test]
    fn a_word_that_can_be_no_model_is_a_text() {
        for word in ["Once upon a time", "Once", "", "v1.5", "\u{e9}t\u{e9} 10 % off.", "It ended. Or not"] {
            let mut model = given(word);
            assert_eq!(model.take_text().as_deref(), Some(word));
            assert_eq!(model.name(), ModelName::BuiltIn, "{word}");
        }
    }

    #[test]
    fn a_word_that_may_be_a_model_is_one() {
        // Tests run in the crate's own folder.
        for word in [
            "Cargo.toml",
            "src",
            "no/where",
            "model.pth",
            "model.PT",
            "a b.gguf",
            "m.st",
            "m.safetensors",
            "m.bin",
        ] {
            let mut model = given(word);
            assert_eq!(model.take_text(), None, "{word}");
            assert_eq!(model.name(), ModelName::Path(word.into()));
        }
    }

    #[test]
    fn the_model_inside_has_a_name() {
        assert_eq!(given("built-in").take_text(), None);
        assert_eq!(given("built-in").name(), ModelName::BuiltIn);
        assert_eq!(given("./built-in").name(), ModelName::Path("./built-in".into()));
        assert_eq!(ModelArg { model: None }.name().to_string(), "built-in");
    }
}
