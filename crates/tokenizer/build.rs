//! With feature `world`: takes the World vocabulary out of the `rwkv-tokenizer` package, checks it, and leaves it in
//! `OUT_DIR/world.bin` in the compact form that `src/embedded.rs` describes.

#[cfg(feature = "world")]
#[path = "src/vocab_file.rs"]
mod vocab_file;
#[cfg(feature = "world")]
#[path = "build/world.rs"]
mod world;

#[cfg(feature = "world")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/world.rs");
    println!("cargo::rerun-if-changed=src/vocab_file.rs");
    if let Err(message) = world::embed() {
        println!(
            "cargo::error=the World vocabulary cannot be embedded: {message}; set {}=FILE to the official \
             rwkv_vocab_v20230424.txt, or build without the feature `world`",
            world::OVERRIDE
        );
    }
}

#[cfg(not(feature = "world"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
