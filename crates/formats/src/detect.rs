//! Telling the kind of a checkpoint by its content.

use std::path::Path;

use wkv7_core::{Bytes, Recipe};

use crate::error::{Error, InFile as _, Problem};
use crate::{Checkpoint, Format, gguf, hugging_face, map, pth, rwkv_cpp, safetensors};

/// Opens a file or a folder with the reader that its first bytes ask for.
pub(crate) fn open(path: &Path) -> Result<Checkpoint, Error> {
    if path.is_dir() {
        return hugging_face::read(path);
    }
    let file = map(path)?;
    let mut checkpoint = read(path, file).in_file(path)?;
    if checkpoint.format == Format::HuggingFace {
        let rate_range = checkpoint.recipe.rate_range; // of the file itself
        let beside = hugging_face::recipe_beside(path, &checkpoint.tensors)?;
        checkpoint.recipe = Recipe { rate_range, ..beside };
    }
    Ok(checkpoint)
}

/// The reader that the first bytes of `file` ask for.
pub(crate) fn read(path: &Path, file: Bytes) -> Result<Checkpoint, Problem> {
    let head = |n: usize| file.as_slice().get(..n).unwrap_or(&[]);
    match head(4) {
        b"GGUF" => gguf::read(path, file),
        b"fmgg" => rwkv_cpp::read(path, file),
        _ if pth::looks_like(&file) => pth::read(path, file),
        _ if safetensors::looks_like(&file) => safetensors::read(path, file),
        _ => Err(Problem::NotACheckpoint(refusal(&file))),
    }
}

/// What an unknown file is, as far as its first bytes tell, and the way out.
fn refusal(file: &Bytes) -> String {
    let bytes = file.as_slice();
    let known = "expected a .pth archive, safetensors, GGUF, an rwkv.cpp file or a Hugging Face folder";
    if bytes.starts_with(b"version https://git-lfs") {
        return "a git-lfs pointer, not the file it stands for; fetch it with `git lfs pull`".to_owned();
    }
    if pth::is_legacy(bytes) {
        return "a .pth in the container of torch before 1.6, which is not read; \
                load it in torch and save it again with `torch.save(torch.load(path), path)`"
            .to_owned();
    }
    if bytes.first() == Some(&0x80) && matches!(bytes.get(1), Some(2..=5)) {
        return "a bare Python pickle, which is not read; save the weights with torch 1.6 or later: \
                `torch.save(model.state_dict(), path)`"
            .to_owned();
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return "a tar archive, which is not read; unpack it first".to_owned();
    }
    if bytes.starts_with(b"{") {
        return format!("JSON text; where it belongs to a Hugging Face folder, open the folder; {known}");
    }
    if bytes.starts_with(b"<") {
        return format!("a web page or XML, perhaps a failed download; {known}");
    }
    let first: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{known}, found {} bytes beginning {}", bytes.len(), first.join(" "))
}
