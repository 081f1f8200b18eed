//! `config.json` of a Hugging Face / fla folder.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wkv7_core::{Recipe, Tensors};

use crate::error::{Error, InFile as _, Problem, shown};
use crate::map;

/// The part of `config.json` that matters: everything else is deduced from the tensors.
///
/// Two families of names exist for the same facts; the second of each pair is the younger one's.
#[derive(Debug, Deserialize)]
pub(super) struct FolderConfig {
    model_type: Option<String>,
    hidden_act: Option<String>,
    hidden_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    vocab_size: Option<usize>,
    head_dim: Option<usize>,
    head_size: Option<usize>,
    norm_eps: Option<f64>,
    layer_norm_epsilon: Option<f64>,
    tie_word_embeddings: Option<bool>,
}

/// Longer JSON belongs to no model's folder.
const MAX_JSON: usize = 8 << 20;

/// Reads a small JSON file.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let file = map(path)?;
    let len = file.len();
    if len > MAX_JSON {
        let what = format!("expected at most {MAX_JSON} bytes, found {len}");
        return Err(Error::new(path, Problem::broken("JSON", what)));
    }
    serde_json::from_slice(file.as_slice())
        .map_err(|error| Problem::broken("JSON", shown(&error.to_string())))
        .in_file(path)
}

impl FolderConfig {
    /// Reads `path` and checks that it describes an RWKV-7 model.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let config: Self = json(path)?;
        config.check_kind().in_file(path)?;
        Ok(config)
    }

    fn check_kind(&self) -> Result<(), Problem> {
        let kind = self.model_type.as_deref().unwrap_or("");
        if kind != "rwkv7" {
            let what = format!("`model_type` is {}, expected `rwkv7`", shown(kind));
            return Err(Problem::NotACheckpoint(what));
        }
        match self.hidden_act.as_deref() {
            None | Some("sqrelu") => Ok(()),
            Some(act) => {
                let what = format!("`hidden_act` is {}, expected `sqrelu`", shown(act));
                Err(Problem::Unsupported(what))
            }
        }
    }

    /// The constants of the norms. fla gives each group norm `head_dim * norm_eps`.
    pub(super) fn recipe(&self) -> Result<Recipe, Problem> {
        let eps = self.norm_eps.or(self.layer_norm_epsilon).unwrap_or(1e-5);
        if !(eps as f32 > 0.0 && eps < 1.0) {
            let what = format!("`norm_eps` is {eps:?}, expected a number between 0 and 1");
            return Err(Problem::broken("Hugging Face", what));
        }
        let head_size = self.head_dim.or(self.head_size).unwrap_or(64);
        let group_norm_eps = (head_size as f64 * eps) as f32;
        Ok(Recipe { layer_norm_eps: eps as f32, group_norm_eps, ..Recipe::default() })
    }

    /// Whether the head is the embedding.
    pub(super) fn ties_head(&self) -> bool {
        self.tie_word_embeddings == Some(true)
    }

    /// Checks what the config says about sizes against the tensors, under their official names.
    pub(super) fn check_sizes(&self, tensors: &Tensors) -> Result<(), Problem> {
        let shape = |name: &str| match tensors.get(name).map(|tensor| tensor.shape()) {
            Some(&[rows, columns]) => (Some(rows), Some(columns)),
            _ => (None, None), // named when the shapes are checked
        };
        let (vocab, channels) = shape("emb.weight");
        let (_, head_size) = shape("blocks.0.att.r_k");
        let layers = (0..).take_while(|n| tensors.get(&format!("blocks.{n}.ln1.weight")).is_some()).count();
        let facts = [
            ("vocab_size", self.vocab_size, vocab),
            ("hidden_size", self.hidden_size, channels),
            ("head_dim", self.head_dim.or(self.head_size), head_size),
            ("num_hidden_layers", self.num_hidden_layers, Some(layers)),
        ];
        for (key, said, found) in facts {
            if let (Some(said), Some(found)) = (said, found)
                && said != found
            {
                let what = format!("config.json says `{key}` {said}, the tensors have {found}");
                return Err(Problem::broken("Hugging Face", what));
            }
        }
        Ok(())
    }
}
