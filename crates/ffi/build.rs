//! Puts the version into the shared library's own name.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let part = |name: &str| env::var(name).unwrap_or_default();
    let (os, environment) = (part("CARGO_CFG_TARGET_OS"), part("CARGO_CFG_TARGET_ENV"));
    // While it is 0.x, every minor version may break: two of them must be able to lie side by side.
    let version = match part("CARGO_PKG_VERSION_MAJOR").as_str() {
        "0" => format!("0.{}", part("CARGO_PKG_VERSION_MINOR")),
        major => major.to_owned(),
    };
    match os.as_str() {
        "macos" | "ios" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libwkv7.{version}.dylib");
        }
        "windows" => {}
        _ if environment == "musl" => {}
        _ => println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libwkv7.so.{version}"),
    }
    println!("cargo::rustc-env=WKV7_TARGET={}", part("TARGET"));
    println!("cargo::rustc-env=WKV7_PROFILE={}", part("PROFILE"));
}
