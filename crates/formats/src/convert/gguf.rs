//! GGUF as llama.cpp's own converter and quantiser write it: which tensor gets which type, and the metadata.

use std::path::Path;

use wkv7_core::blocks::{QuantizeError, is_written};
use wkv7_core::{Dtype, Error, Layout, Recipe, Tensor, Weights};

use super::item::Item;
use super::output::{Meter, Output};
use super::{Convert, Notes, Progress, Summary, check_rates};
use crate::gguf::names::{FUSED, FUSED_ROWS, Form, LAYER, OUTSIDE};
use crate::gguf::writer::{Head, Planned};
use crate::gguf::{ARCHITECTURE, DEFAULT_ALIGNMENT};
use crate::{Checkpoint, Problem, Vocabulary};

/// Writes `weights` as one file.
pub(super) fn write(
    checkpoint: &Checkpoint,
    weights: &Weights,
    out: &Path,
    options: &Convert,
    progress: Progress<'_>,
) -> Result<Summary, Problem> {
    check_dtype(options.dtype)?;
    check_norms(weights)?;
    check_rates(weights, options.target)?;
    let vocabulary = vocabulary(checkpoint, weights, options)?;
    let mut notes = Notes::default();
    let items = Plan { weights, wanted: options.dtype, notes: &mut notes }.items()?;
    note_ranks(weights, &mut notes);
    let summary = Summary::of(&items, notes.0);
    let planned: Vec<Planned<'_>> = items
        .iter()
        .map(|item| Planned {
            name: item.name(),
            shape: item.shape(),
            dtype: item.dtype(),
            bytes: item.bytes(),
        })
        .collect();
    let head = head(checkpoint, weights, &vocabulary, file_type(&items)).finish(&planned);
    let alignment = u64::from(DEFAULT_ALIGNMENT);
    let mut output = Output::beside(out)?;
    output.put(&head)?;
    output.pad(alignment)?;
    let mut meter = Meter::new(&items, progress)?;
    for item in &items {
        meter.write(item, &mut |bytes| output.put(bytes))?;
        output.pad(alignment)?;
    }
    Ok(Summary { bytes: output.finish()?, ..summary })
}

fn check_dtype(wanted: Option<Dtype>) -> Result<(), Problem> {
    match wanted {
        Some(dtype) if !is_written(dtype) => {
            Err(Problem::Unsupported(QuantizeError::NotWritten { dtype }.to_string()))
        }
        Some(Dtype::F64) => Err(Problem::Unsupported("llama.cpp runs no F64; write F32 instead".to_owned())),
        _ => Ok(()),
    }
}

/// llama.cpp has the group norm's constant in its code; a model that differs would change in silence.
fn check_norms(weights: &Weights) -> Result<(), Problem> {
    let (found, usual) = (weights.config().recipe.group_norm_eps, Recipe::default().group_norm_eps);
    if found != usual {
        return Err(Problem::Unsupported(format!(
            "a GGUF means a group norm epsilon of {usual:e}, this model has {found:e}; write safetensors instead"
        )));
    }
    Ok(())
}

fn note_ranks(weights: &Weights, notes: &mut Notes) {
    let ranks = &weights.config().ranks;
    let uneven = |rank: fn(&wkv7_core::Ranks) -> usize, from: usize| {
        ranks.iter().skip(from).any(|ranks_of| rank(ranks_of) != rank(&ranks[from]))
    };
    if uneven(|r| r.decay, 0) || uneven(|r| r.rate, 0) || uneven(|r| r.gate, 0) || uneven(|r| r.value, 1) {
        notes.add(
            "ranks differ between layers: llama.cpp, which has one for all, will not load this".to_owned(),
        );
    }
}

/// The vocabulary to write: the caller's, the source's own, or bytes for 256 tokens.
fn vocabulary(checkpoint: &Checkpoint, weights: &Weights, options: &Convert) -> Result<Vocabulary, Problem> {
    let vocab = weights.config().vocab;
    let given = options.vocabulary.as_ref().or(checkpoint.vocabulary.as_ref());
    let vocabulary = match given {
        Some(given) => given.clone(),
        None if vocab == 256 => {
            let bytes: Vec<[u8; 1]> = (0..=255).map(|byte| [byte]).collect();
            Vocabulary::from_token_bytes(bytes.iter().map(|byte| Some(&byte[..])), vocab)
        }
        None => {
            let what =
                format!("a GGUF carries its vocabulary: give one for the {vocab} tokens of this model");
            return Err(Problem::Unsupported(what));
        }
    };
    if vocabulary.model != "rwkv" {
        let what = format!(
            "a vocabulary of kind `{}` is not written; give the World vocabulary or raw bytes",
            vocabulary.model.escape_debug()
        );
        return Err(Problem::Unsupported(what));
    }
    if vocabulary.tokens.len() != vocab || vocabulary.types.len() != vocab {
        let what = format!(
            "expected a vocabulary of {vocab} tokens, as the model has, found {}",
            vocabulary.tokens.len()
        );
        return Err(Problem::Unsupported(what));
    }
    Ok(vocabulary)
}

/// Chooses type and shape of every tensor.
struct Plan<'a> {
    weights: &'a Weights,
    wanted: Option<Dtype>,
    notes: &'a mut Notes,
}

impl Plan<'_> {
    fn items(&mut self) -> Result<Vec<Item<'static>>, Problem> {
        let mut items = Vec::new();
        // The head and its norm last, as they are run.
        let (first, last) = OUTSIDE.split_at(3);
        for (theirs, official, form) in first {
            items.push(self.item((*theirs).to_owned(), official, official, *form)?);
        }
        for layer in 0..self.weights.config().layers {
            self.layer(layer, &mut items)?;
        }
        for (theirs, official, form) in last {
            items.push(self.item((*theirs).to_owned(), official, official, *form)?);
        }
        Ok(items)
    }

    fn layer(&mut self, layer: usize, items: &mut Vec<Item<'static>>) -> Result<(), Problem> {
        let mut rows = Vec::new();
        for leaf in FUSED_ROWS {
            rows.push(self.find(&format!("blocks.{layer}.{leaf}"))?);
        }
        let channels = self.weights.config().channels;
        let name = format!("blk.{layer}.{FUSED}");
        items.push(Item::new(name, vec![6, 1, 1, channels], Dtype::F32, rows)?);
        for (theirs, leaf, form) in LAYER {
            let source = match leaf {
                // The loader demands the first layer's value residual, which nothing reads: llama.cpp's
                // converter fills it with the rate's net.
                "att.v0" if layer == 0 => "att.a0",
                "att.v1" if layer == 0 => "att.a1",
                "att.v2" if layer == 0 => "att.a2",
                leaf => leaf,
            };
            let official = format!("blocks.{layer}.{source}");
            items.push(self.item(format!("blk.{layer}.{theirs}"), leaf, &official, form)?);
        }
        Ok(())
    }

    fn find(&self, official: &str) -> Result<Tensor, Problem> {
        let missing = || Error::MissingTensor { name: official.to_owned() };
        Ok(self.weights.tensors().get(official).cloned().ok_or_else(missing)?)
    }

    fn item(
        &mut self,
        theirs: String,
        leaf: &str,
        official: &str,
        form: Form,
    ) -> Result<Item<'static>, Problem> {
        let tensor = self.find(official)?;
        let (dtype, shape, tensor) = match form {
            Form::Vector | Form::Bonus => (Dtype::F32, vec![tensor.len()], tensor),
            Form::Thin => {
                let tensor = tensor.transposed();
                (self.thin(leaf, tensor.dtype()), tensor.shape().to_vec(), tensor)
            }
            Form::Matrix => (self.matrix(leaf, &tensor), tensor.shape().to_vec(), tensor),
        };
        Item::new(theirs, shape, dtype, vec![tensor])
    }

    /// The decay's net is always F32; the others keep or take a plain type and are never quantised.
    fn thin(&self, leaf: &str, found: Dtype) -> Dtype {
        let plain = |dtype| matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16);
        match self.wanted {
            _ if leaf.starts_with("att.w") => Dtype::F32,
            Some(wanted) if plain(wanted) => wanted,
            _ if plain(found) => found,
            _ => Dtype::F32,
        }
    }

    fn matrix(&mut self, leaf: &str, tensor: &Tensor) -> Dtype {
        let Some(wanted) = self.wanted else {
            let found = tensor.dtype();
            if found == Dtype::F64 || found.is_block() && tensor.layout() == Layout::Transposed {
                self.notes.add(format!("{found} matrices became F32"));
                return Dtype::F32;
            }
            return found;
        };
        if !wanted.is_block() {
            return wanted;
        }
        // The head decides every word: llama.cpp gives it six bits at least.
        let mut dtype = if leaf == "head.weight" && wanted != Dtype::Q8_0 { Dtype::Q6K } else { wanted };
        let columns = tensor.columns();
        while !columns.is_multiple_of(dtype.block_len()) {
            let next = larger(dtype);
            let leaf = leaf.trim_end_matches(".weight");
            self.notes
                .add(format!("{leaf}: rows of {columns} are not whole {dtype} blocks, written as {next}"));
            dtype = next;
        }
        if dtype != tensor.dtype() && tensor.dtype().is_block() {
            let found = tensor.dtype();
            self.notes
                .add(format!("{found} was quantised again as {dtype}; from the original it would be better"));
        }
        dtype
    }
}

/// The type that llama.cpp falls back to where rows are not whole blocks.
fn larger(dtype: Dtype) -> Dtype {
    match dtype {
        Dtype::Q4K => Dtype::Q5_0,
        Dtype::Q6K => Dtype::Q8_0,
        _ => Dtype::F16,
    }
}

/// llama.cpp's number for the mix of types, by that of the first layer's key matrix.
fn file_type(items: &[Item<'_>]) -> u32 {
    let dtype = items.iter().find(|item| item.name() == "blk.0.time_mix_key.weight").map(Item::dtype);
    match dtype.unwrap_or(Dtype::F32) {
        Dtype::F64 | Dtype::F32 => 0,
        Dtype::F16 => 1,
        Dtype::Q4_0 => 2,
        Dtype::Q4_1 => 3,
        Dtype::Q8_0 => 7,
        Dtype::Q5_0 => 8,
        Dtype::Q5_1 => 9,
        Dtype::Q2K => 10,
        Dtype::Q3K => 12,
        Dtype::Q4K => 15,
        Dtype::Q5K => 17,
        Dtype::Q6K => 18,
        Dtype::Iq4Nl => 25,
        Dtype::Iq4Xs => 30,
        Dtype::BF16 => 32,
        _ => 1024, // llama.cpp's "guessed from the tensors"
    }
}

/// The metadata, by the keys and types of llama.cpp's converter.
fn head(checkpoint: &Checkpoint, weights: &Weights, vocabulary: &Vocabulary, file_type: u32) -> Head {
    let config = weights.config();
    // Sizes of real tensors; the largest u32 would not be one.
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let stem = || checkpoint.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = checkpoint.metadata.get("general.name").cloned().or_else(stem).unwrap_or_default();
    let first = config.ranks.first().copied().unwrap_or_default();
    // A single layer has no value residual, but the key is demanded.
    let value_rank = config.ranks.get(1).map_or(first.rate, |ranks| ranks.value);
    let mut head = Head::default();
    head.text("general.architecture", ARCHITECTURE);
    head.text("general.type", "model");
    head.text("general.name", &name);
    head.u32("rwkv7.context_length", 1_048_576);
    head.u32("rwkv7.embedding_length", size(config.channels));
    head.u32("rwkv7.block_count", size(config.layers));
    head.f32("rwkv7.attention.layer_norm_epsilon", config.recipe.layer_norm_eps);
    head.u32("rwkv7.wkv.head_size", size(config.head_size));
    head.u32("rwkv7.attention.decay_lora_rank", size(first.decay));
    head.u32("rwkv7.attention.iclr_lora_rank", size(first.rate));
    head.u32("rwkv7.attention.value_residual_mix_lora_rank", size(value_rank));
    head.u32("rwkv7.attention.gate_lora_rank", size(first.gate));
    head.u32("rwkv7.feed_forward_length", size(config.ffn));
    head.u32("rwkv7.attention.head_count", 0);
    head.u32("general.file_type", file_type);
    head.u32("general.quantization_version", 2);
    head.text("tokenizer.ggml.model", &vocabulary.model);
    head.texts("tokenizer.ggml.tokens", &vocabulary.tokens);
    head.i32s("tokenizer.ggml.token_type", &vocabulary.types);
    head.u32("tokenizer.ggml.bos_token_id", 0);
    head.u32("tokenizer.ggml.eos_token_id", 0);
    // World's "\n\n" ends a turn.
    let world = vocabulary.tokens.get(261).is_some_and(|token| token == br"\n\n");
    if world {
        head.u32("tokenizer.ggml.eot_token_id", 261);
    }
    let template = checkpoint.chat_template.as_deref().or(world.then_some("rwkv-world"));
    if let Some(template) = template {
        head.text("tokenizer.chat_template", template);
    }
    head
}
