//! A file as a [`Checkpoint`].

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::{Bytes, Recipe, Tensor, Tensors};

use super::metadata::Metadata;
use super::names::{FUSED_ROWS, Form, Place, place};
use super::tensors::{Info, places};
use super::{ARCHITECTURE, DEFAULT_ALIGNMENT, FORMAT, shown, vocabulary};
use crate::cursor::Cursor;
use crate::{Checkpoint, Format, Problem};

/// The largest alignment that is believed; ggml's own files have 32.
const MAX_ALIGNMENT: u32 = 1 << 16;
/// Bytes of a text that is kept as a fact about the file.
const MAX_FACT: usize = 1 << 12;
/// Bytes of all such texts together, counted by key in order of names.
const MAX_FACTS: usize = 1 << 20;
/// Bytes of a chat template.
const MAX_TEMPLATE: usize = 1 << 20;

/// Reads the head of a file; the data stay where they are.
pub(crate) fn read(path: &Path, file: Bytes) -> Result<Checkpoint, Problem> {
    let mut cursor = Cursor::new(FORMAT, file.as_slice());
    cursor.take(4, format_args!("magic"))?;
    check_version(cursor.u32(format_args!("version"))?)?;
    let tensor_count = cursor.u64(format_args!("number of tensors"))?;
    let entry_count = cursor.u64(format_args!("number of metadata entries"))?;
    let metadata = Metadata::read(&mut cursor, entry_count)?;
    check_architecture(&metadata)?;
    let alignment = alignment(&metadata)?;
    let head_size = head_size(&metadata)?;
    let infos = Info::read_all(&mut cursor, tensor_count)?;
    // No overflow: both are far below the address range, as the file is in memory.
    let start = cursor.at().next_multiple_of(alignment as usize);
    let places = places(&infos, start, alignment, file.len())?;
    let mut tensors = Tensors::new();
    for (info, place) in infos.iter().zip(places) {
        let bytes = file.slice(place).ok_or_else(|| Problem::broken(FORMAT, "a tensor outside the file"))?;
        insert(&mut tensors, info, bytes, head_size)?;
    }
    let vocabulary = vocabulary::read(&metadata)?;
    check_sizes(&metadata, &tensors, vocabulary.as_ref().map(|found| found.tokens.len()))?;
    Ok(Checkpoint {
        path: path.to_owned(),
        format: Format::Gguf,
        tensors,
        recipe: recipe(&metadata)?,
        vocabulary,
        chat_template: chat_template(&metadata)?,
        metadata: facts(&metadata),
        file_bytes: file.len() as u64,
    })
}

fn check_version(version: u32) -> Result<(), Problem> {
    let refused = match version {
        2 | 3 => return Ok(()),
        1 => {
            "GGUF version 1, which is not read; convert the model again with a llama.cpp of after August 2023"
                .to_owned()
        }
        swapped if (1..=3).contains(&swapped.swap_bytes()) => {
            "a big-endian GGUF, which is not read; convert it with `gguf-convert-endian`".to_owned()
        }
        other => format!("GGUF version {other}; versions 2 and 3 are read"),
    };
    Err(Problem::Unsupported(refused))
}

fn check_architecture(metadata: &Metadata<'_>) -> Result<(), Problem> {
    let Some(found) = metadata.text("general.architecture")? else {
        return Err(Problem::broken(FORMAT, "expected `general.architecture` in the metadata, found none"));
    };
    if found != ARCHITECTURE.as_bytes() {
        let why = match found {
            b"arwkv7" => " (RWKV-7 time mix grafted on a transformer's body)",
            b"rwkv6" | b"rwkv6qwen2" => " (an older RWKV)",
            _ => "",
        };
        return Err(Problem::Unsupported(format!(
            "a GGUF of architecture `{}`{why}; only `{ARCHITECTURE}` is read",
            shown(found)
        )));
    }
    if let Some(shift @ (0 | 1 | 3..)) = metadata.u32("rwkv7.token_shift_count")? {
        let what = format!("`rwkv7.token_shift_count` is {shift}; only 2, as in every RWKV-7, is read");
        return Err(Problem::Unsupported(what));
    }
    if metadata.has("split.count") {
        let what =
            "a GGUF split into several files, which is not read; join them with `llama-gguf-split --merge`";
        return Err(Problem::Unsupported(what.to_owned()));
    }
    Ok(())
}

fn alignment(metadata: &Metadata<'_>) -> Result<u32, Problem> {
    let alignment = metadata.u32("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
    if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
        let what =
            format!("`general.alignment`: expected a power of two up to {MAX_ALIGNMENT}, found {alignment}");
        return Err(Problem::broken(FORMAT, what));
    }
    Ok(alignment)
}

fn head_size(metadata: &Metadata<'_>) -> Result<usize, Problem> {
    match metadata.u32("rwkv7.wkv.head_size")? {
        Some(size @ 1..) => Ok(size as usize),
        found => {
            let found = found.map_or("none".to_owned(), |size| size.to_string());
            let what = format!("`rwkv7.wkv.head_size`: expected a number above zero, found {found}");
            Err(Problem::broken(FORMAT, what))
        }
    }
}

/// Puts one tensor of the file where it belongs.
fn insert(tensors: &mut Tensors, info: &Info<'_>, bytes: Bytes, head_size: usize) -> Result<(), Problem> {
    let place = place(info.name).ok_or_else(|| {
        let what =
            format!("tensor `{}` is none of architecture `{ARCHITECTURE}`", shown(info.name.as_bytes()));
        Problem::broken(FORMAT, what)
    })?;
    let name = info.name;
    match place {
        Place::Unused => {}
        Place::Fused { layer } => {
            let &[6, 1, 1, channels] = info.shape.as_slice() else {
                let found = &info.shape;
                let what = format!("tensor `{name}`: expected shape [6, 1, 1, channels], found {found:?}");
                return Err(Problem::broken(FORMAT, what));
            };
            let fused = Tensor::new(name, info.dtype, &[6, channels], bytes)?;
            for (row, leaf) in FUSED_ROWS.iter().enumerate() {
                let row =
                    fused.sub_row(row).ok_or_else(|| Problem::broken(FORMAT, "a row outside a tensor"))?;
                tensors.insert(format!("blocks.{layer}.{leaf}"), row)?;
            }
        }
        Place::One { official, form } => {
            let tensor = Tensor::new(name, info.dtype, &info.shape, bytes)?;
            let tensor = match form {
                Form::Matrix | Form::Vector => tensor,
                Form::Thin => tensor.transposed(),
                Form::Bonus => {
                    let channels = tensor.len();
                    if !channels.is_multiple_of(head_size) {
                        let what = format!(
                            "tensor `{name}`: expected a multiple of the head size {head_size}, \
                             found {channels} numbers"
                        );
                        return Err(Problem::broken(FORMAT, what));
                    }
                    tensor.reshaped(name, &[channels / head_size, head_size])?
                }
            };
            tensors.insert(official, tensor)?;
        }
    }
    Ok(())
}

/// Sizes that the metadata state must be those of the tensors.
fn check_sizes(metadata: &Metadata<'_>, tensors: &Tensors, tokens: Option<usize>) -> Result<(), Problem> {
    let size =
        |name: &str, axis: usize| tensors.get(name).and_then(|tensor| tensor.shape().get(axis).copied());
    let layers = tensors
        .iter()
        .filter_map(|(name, _)| name.strip_prefix("blocks.")?.split('.').next()?.parse::<usize>().ok())
        .max()
        .map(|last| last.saturating_add(1));
    let stated = [
        ("rwkv7.block_count", layers, "the highest layer of the tensors"),
        ("rwkv7.embedding_length", size("emb.weight", 1), "token_embd.weight"),
        ("rwkv7.feed_forward_length", size("blocks.0.ffn.key.weight", 0), "blk.0.channel_mix_key.weight"),
        ("rwkv7.wkv.head_size", size("blocks.0.att.r_k", 1), "blk.0.time_mix_r_k.weight"),
        ("rwkv7.attention.decay_lora_rank", size("blocks.0.att.w1", 1), "blk.0.time_mix_w1.weight"),
        ("rwkv7.attention.iclr_lora_rank", size("blocks.0.att.a1", 1), "blk.0.time_mix_a1.weight"),
        ("rwkv7.attention.gate_lora_rank", size("blocks.0.att.g1", 1), "blk.0.time_mix_g1.weight"),
        (
            "rwkv7.attention.value_residual_mix_lora_rank",
            size("blocks.1.att.v1", 1),
            "blk.1.time_mix_v1.weight",
        ),
    ];
    for (key, found, place) in stated {
        if let (Some(stated), Some(found)) = (metadata.u32(key)?, found)
            && stated as usize != found
        {
            let what = format!("`{key}`: expected {found}, the size of {place}, found {stated}");
            return Err(Problem::broken(FORMAT, what));
        }
    }
    if let (Some(tokens), Some(rows)) = (tokens, size("emb.weight", 0))
        && tokens != rows
    {
        let what =
            format!("vocabulary: expected {rows} tokens, as token_embd.weight has rows, found {tokens}");
        return Err(Problem::broken(FORMAT, what));
    }
    Ok(())
}

fn recipe(metadata: &Metadata<'_>) -> Result<Recipe, Problem> {
    let mut recipe = Recipe::default();
    if let Some(eps) = metadata.f32("rwkv7.attention.layer_norm_epsilon")? {
        if !(eps > 0.0 && eps < 1.0) {
            let what = format!("`rwkv7.attention.layer_norm_epsilon`: expected a small number, found {eps}");
            return Err(Problem::broken(FORMAT, what));
        }
        recipe.layer_norm_eps = eps;
    }
    Ok(recipe)
}

fn chat_template(metadata: &Metadata<'_>) -> Result<Option<String>, Problem> {
    const KEY: &str = "tokenizer.chat_template";
    match metadata.text(KEY)? {
        Some(text) if text.len() > MAX_TEMPLATE => {
            let found = text.len();
            let what = format!("`{KEY}`: expected at most {MAX_TEMPLATE} bytes, found {found}");
            Err(Problem::broken(FORMAT, what))
        }
        text => Ok(text.map(|text| String::from_utf8_lossy(text).into_owned())),
    }
}

/// The numbers and short texts of the metadata, up to a sum that no honest file reaches.
fn facts(metadata: &Metadata<'_>) -> BTreeMap<String, String> {
    let mut bytes = 0;
    metadata
        .iter()
        .filter(|(key, _)| *key != "tokenizer.chat_template")
        .filter_map(|(key, value)| Some((key.to_owned(), value.to_text()?)))
        .filter(|(_, text)| text.len() <= MAX_FACT)
        .take_while(|(key, text)| {
            bytes += key.len() + text.len();
            bytes <= MAX_FACTS
        })
        .collect()
}
