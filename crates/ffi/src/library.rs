//! The library itself: versions, what it was built with, backends and devices, errors.

use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use serde_json::json;

use crate::call::{self, run};
use crate::status::{wkv7_status, wkv7_status as Status};

/// Grows by one with every change that an older program would notice. Functions, statuses and fields that are merely
/// added leave it as it is.
pub const WKV7_ABI_VERSION: u32 = 1;

/// The version of the ABI that the library has; compare it with the header's WKV7_ABI_VERSION.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_abi_version() -> u32 {
    WKV7_ABI_VERSION
}

/// The version as a number that grows: 1000000 * major + 1000 * minor + patch.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_version_number() -> u32 {
    let mut parts = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0_u32);
    1_000_000 * next() + 1_000 * next() + next()
}

/// The version as text, "0.1.0"; it lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_version() -> *const c_char {
    const { concat!(env!("CARGO_PKG_VERSION"), "\0") }.as_ptr().cast()
}

/// How the library was built, as a JSON object: version, abi_version, target, profile, features, backends; it lives as
/// long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_build_info() -> *const c_char {
    static INFO: OnceLock<CString> = OnceLock::new();
    let make = || {
        let info = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "abi_version": WKV7_ABI_VERSION,
            "target": env!("WKV7_TARGET"),
            "profile": env!("WKV7_PROFILE"),
            "features": features(),
            "backends": wkv7::backends(),
        });
        CString::new(info.to_string()).unwrap_or_default()
    };
    INFO.get_or_init(make).as_ptr()
}

/// What may be there or not, depending on the build.
fn features() -> Vec<&'static str> {
    let wgpu = cfg!(feature = "wgpu").then_some("wgpu");
    let always = ["cpu", "reference", "built-in-model", "world-vocabulary", "tokenizer.json", "tune"];
    always.into_iter().chain(wgpu).collect()
}

/// Whether the library has a feature, one of those in wkv7_build_info(): 1 or 0; 0 also for a name that is NULL or
/// unknown.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_has_feature(name: *const c_char, name_len: usize) -> i32 {
    let mut has = false;
    call::quietly(|| has = c!(text(name, name_len, "name")).is_ok_and(|name| features().contains(&name)));
    has.into()
}

/// What a status means, in a few words, for people; it lives as long as the library. For the whole story see
/// wkv7_last_error().
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_status_message(status: i32) -> *const c_char {
    let known = usize::try_from(status).ok().and_then(|status| Status::ALL.get(status));
    known.map_or(c"an unknown status", |status| status.message()).as_ptr()
}

/// What went wrong in the last call of this thread that did not answer WKV7_OK: names the file, the tensor, the
/// argument, what was expected and what was found. Empty where nothing did. It lives until this thread's next call that
/// fails.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_last_error() -> *const c_char {
    call::last_error()
}

/// The backends of this build, fastest first, as a JSON array of strings. A two-call text.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_backends(json: *mut c_char, json_len: *mut usize) -> wkv7_status {
    run(|| c!(copy_text(&json!(wkv7::backends()).to_string(), json, json_len, "json")))
}

/// The devices that "wgpu:INDEX" or "wgpu:NAME" can name as a backend, as a JSON array of objects: index, name, kind,
/// api, driver, and more. Empty in a build without the feature "wgpu". A two-call text; asking takes up to a second.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_devices(json: *mut c_char, json_len: *mut usize) -> wkv7_status {
    run(|| {
        let devices = json!(wkv7::devices().unwrap_or_default()).to_string();
        c!(copy_text(&devices, json, json_len, "json"))
    })
}
