//! Models.

use std::ffi::{c_char, c_void};

use serde_json::json;
use wkv7::Model;
use wkv7::core::Bytes;

use crate::args::{self, LONGEST, User};
use crate::call::{Fault, quietly, run};
use crate::model_options::{self, wkv7_model_options};
use crate::sized::{self, Sized};
use crate::status::{wkv7_status, wkv7_status as Status};

/// A loaded model. May be used from any number of threads at once. Sessions, tokenizers and batches made from it keep
/// what they need of it, so it can be freed before them.
pub struct wkv7_model(pub(crate) Model);

/// Told that the library needs the bytes no more; called once, from any thread.
pub type wkv7_release_callback = Option<extern "C" fn(user: *mut c_void, data: *const c_void, len: usize)>;

/// What is known of a model.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_model_info {
    /// sizeof(wkv7_model_info), set by the caller before the call.
    pub struct_size: usize,
    /// Layers.
    pub layers: usize,
    /// Channels: the width of the model and of its hidden state.
    pub channels: usize,
    /// Heads of each layer.
    pub heads: usize,
    /// Channels of a head.
    pub head_size: usize,
    /// Hidden units of the channel mix.
    pub ffn: usize,
    /// Tokens of the vocabulary: the number of logits.
    pub vocab: usize,
    /// Sessions that can be open at once.
    pub slots: usize,
    /// Tokens that one forward takes.
    pub max_tokens: usize,
    /// Numbers in all weights.
    pub parameters: u64,
    /// Bytes of the file; 0 where there was none.
    pub file_bytes: u64,
    /// Bytes of all weights.
    pub weight_bytes: u64,
    /// Bytes that the backend copied or packed beside the mapped file when it loaded.
    pub packed_bytes: u64,
    /// Bytes of weights that decoding one token touches.
    pub bytes_per_token: u64,
    /// Multiplications and additions of one token.
    pub operations_per_token: u64,
    /// The token that ends a text; -1 where the vocabulary has none or there is no vocabulary.
    pub end_of_text: i64,
    /// Identity of the weights, whatever the file: hexadecimal, ended by a NUL like the texts below.
    pub fingerprint: [c_char; 72],
    /// The element type of most bytes of the weights, such as "F16" or "Q8_0".
    pub dtype: [c_char; 16],
    /// The backend that runs it.
    pub backend: [c_char; 24],
    /// How it was stored; empty where there was no file.
    pub format: [c_char; 32],
}

// SAFETY: `repr(C)`, begins with its size; numbers only.
unsafe impl Sized for wkv7_model_info {
    const NAME: &'static str = "wkv7_model_info";
    const FIRST: usize = std::mem::offset_of!(Self, slots);
}

/// Opens the checkpoint at `path`, a file or a folder, whatever its format: .pth, safetensors, a Hugging Face folder,
/// GGUF, rwkv.cpp. `options` may be NULL. The weights stay in the file, which must not change while the model lives.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_open(
    path: *const c_char,
    path_len: usize,
    options: *const wkv7_model_options,
    model: *mut *mut wkv7_model,
) -> wkv7_status {
    run(|| {
        args::place(model, "model")?;
        let path = c!(text(path, path_len, "path"))?;
        let options = model_options::read(options)?;
        c!(give(model, "model", wkv7_model(Model::open(path, &options)?)))
    })
}

/// Opens the model inside the library, a very small one that tells little stories in English: for a first try, and for
/// tests that need no file. `options` may be NULL. WKV7_ERR_UNSUPPORTED where wkv7_has_feature("built-in-model") is 0.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_open_built_in(
    options: *const wkv7_model_options,
    model: *mut *mut wkv7_model,
) -> wkv7_status {
    run(|| {
        args::place(model, "model")?;
        let options = model_options::read(options)?;
        c!(give(model, "model", wkv7_model(Model::built_in(&options)?)))
    })
}

/// Opens a checkpoint of one file that lies in memory. With `release` the bytes are borrowed: they must stay as they are
/// until `release(user, data, len)` is called, which also happens when this call fails. Without it they are copied.
/// `options` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_from_memory(
    data: *const c_void,
    len: usize,
    release: wkv7_release_callback,
    user: *mut c_void,
    options: *const wkv7_model_options,
    model: *mut *mut wkv7_model,
) -> wkv7_status {
    let mut bytes = Err(Fault::new(Status::WKV7_ERR_NULL, "`data` is NULL"));
    quietly(|| bytes = take(data, len, release, user));
    run(|| {
        let bytes = bytes?;
        args::place(model, "model")?;
        let options = model_options::read(options)?;
        let checkpoint = wkv7::formats::from_bytes("memory", bytes)?;
        c!(give(model, "model", wkv7_model(Model::from_checkpoint(checkpoint, &options)?)))
    })
}

/// The caller's bytes, which are given back whatever happens after.
fn take(
    data: *const c_void,
    len: usize,
    release: wkv7_release_callback,
    user: *mut c_void,
) -> Result<Bytes, Fault> {
    let borrowed = Borrowed { data: data.cast(), len, release, user: User(user) };
    let bytes = c!(slice(data.cast::<u8>(), len, "data"))?;
    if release.is_some() {
        return Ok(Bytes::new(borrowed));
    }
    let mut copy = Vec::new();
    copy.try_reserve_exact(len).map_err(|_| {
        Fault::new(Status::WKV7_ERR_TOO_LARGE, format!("no memory for a copy of {len} bytes of `data`"))
    })?;
    copy.extend_from_slice(bytes);
    Ok(Bytes::from(copy))
}

/// Bytes of the host.
struct Borrowed {
    data: *const u8,
    len: usize,
    release: wkv7_release_callback,
    user: User,
}

// SAFETY: the host promises that the bytes stay as they are until they are released, whoever reads them.
unsafe impl Send for Borrowed {}
// SAFETY: as for `Send`.
unsafe impl Sync for Borrowed {}

impl wkv7::core::Source for Borrowed {
    fn bytes(&self) -> &[u8] {
        if self.data.is_null() || self.len > LONGEST {
            return &[];
        }
        // SAFETY: the host's promise, until `release`.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            release(self.user.0, self.data.cast(), self.len);
        }
    }
}

/// Frees a model; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_free(model: *mut wkv7_model) {
    c!(release(model));
}

/// What is known of a model. Set `info->struct_size` to sizeof(wkv7_model_info) first.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_get_info(model: *const wkv7_model, info: *mut wkv7_model_info) -> wkv7_status {
    run(|| {
        let wkv7_model(model) = c!(shared(model, "model"))?;
        args::place(info, "info")?;
        let (facts, config, weights) = (model.info(), model.config(), model.weights());
        let end = model.tokenizer().ok().and_then(|tokenizer| tokenizer.end_of_text());
        let known = wkv7_model_info {
            struct_size: 0, // stays the caller's
            layers: config.layers,
            channels: config.channels,
            heads: config.heads,
            head_size: config.head_size,
            ffn: config.ffn,
            vocab: config.vocab,
            slots: facts.max_slots,
            max_tokens: facts.max_tokens,
            parameters: weights.parameters(),
            file_bytes: model.source().map_or(0, |source| source.file_bytes),
            weight_bytes: weights.total_bytes(),
            packed_bytes: facts.packed_bytes,
            bytes_per_token: facts.bytes_per_token,
            operations_per_token: facts.operations_per_token,
            end_of_text: end.map_or(-1, i64::from),
            fingerprint: characters(&facts.fingerprint.to_string()),
            dtype: characters(main_dtype(model)),
            backend: characters(facts.backend),
            format: characters(&model.source().map_or_else(String::new, |source| source.format.to_string())),
        };
        // SAFETY: the header's contract for structs.
        unsafe { sized::fill(info, "info", &known) }
    })
}

/// `text` with zeros after it, cut so that there is at least one.
fn characters<const N: usize>(text: &str) -> [c_char; N] {
    let mut characters = [0; N];
    for (character, byte) in characters.iter_mut().take(N - 1).zip(text.bytes()) {
        *character = byte.cast_signed();
    }
    characters
}

fn main_dtype(model: &Model) -> &'static str {
    model.weights().bytes_by_dtype().into_iter().max_by_key(|(_, bytes)| *bytes).map_or("", |(name, _)| name)
}

/// All that is known of a model, as a JSON object: what wkv7_model_get_info() tells and, of varying content, the
/// file's own metadata and chat template, bytes by element type, how the backend computes and what it packed. A two-call
/// text.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_json(
    model: *const wkv7_model,
    json: *mut c_char,
    json_len: *mut usize,
) -> wkv7_status {
    run(|| {
        let wkv7_model(model) = c!(shared(model, "model"))?;
        let (facts, config, source, report) = (model.info(), model.config(), model.source(), model.report()?);
        let tokenizer = model.tokenizer().ok();
        let object = json!({
            "fingerprint": facts.fingerprint.to_string(),
            "path": source.map(|source| source.path.display().to_string()),
            "format": source.map(|source| source.format.to_string()),
            "file_bytes": source.map(|source| source.file_bytes),
            "layers": config.layers,
            "channels": config.channels,
            "heads": config.heads,
            "head_size": config.head_size,
            "ffn": config.ffn,
            "vocab": config.vocab,
            "parameters": model.weights().parameters(),
            "weight_bytes": model.weights().total_bytes(),
            "dtypes": model.weights().bytes_by_dtype(),
            "backend": facts.backend,
            "kernels": report.kernels,
            "packed_bytes": report.packed.iter().map(|packed| packed.bytes).sum::<u64>(),
            "ffn_sparsity": report.ffn_sparsity(),
            "slots": facts.max_slots,
            "max_tokens": facts.max_tokens,
            "bytes_per_token": facts.bytes_per_token,
            "operations_per_token": facts.operations_per_token,
            "tokenizer": tokenizer.map(|tokenizer| tokenizer.name()),
            "end_of_text": tokenizer.and_then(|tokenizer| tokenizer.end_of_text()),
            "metadata": source.map(|source| &source.metadata),
            "chat_template": source.and_then(|source| source.chat_template.as_ref()),
        });
        c!(copy_text(&object.to_string(), json, json_len, "json"))
    })
}
