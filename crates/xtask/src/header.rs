//! `cargo xtask header`: makes `include/wkv7.h` and the list of what it exports, or compares them with what is checked in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::abi;
use crate::process::root;

/// The header, from the root of the checkout.
pub const HEADER: &str = "include/wkv7.h";
/// What the header declares, a line each.
pub const ABI: &str = "include/wkv7.abi";
/// The crate that they are made from.
const CRATE: &str = "crates/ffi";
/// Its files in the order of the header.
const FILES: [&str; 15] = [
    "status",
    "args",
    "library",
    "logging",
    "model_options",
    "model",
    "tokenizer",
    "decoder",
    "session",
    "sampler",
    "generation",
    "state",
    "tune",
    "batch",
    "chat",
];

#[derive(Args)]
pub struct Options {
    /// Change nothing; fail where what is checked in differs
    #[arg(long)]
    check: bool,
    /// Allow what an older program would notice: something taken away or changed
    #[arg(long)]
    breaking: bool,
}

/// Makes or compares.
///
/// # Errors
/// Where the header differs from what is checked in, or the list shows that something disappeared or changed.
pub fn run(options: &Options) -> Result<()> {
    let header = make()?;
    let list = abi::list(&header);
    let (header_path, list_path) = (root().join(HEADER), root().join(ABI));
    let before = fs::read_to_string(&list_path).unwrap_or_default();
    let lost = abi::lost(&before, &list);
    if !lost.is_empty() && !options.breaking {
        bail!(
            "an older program would miss these; keep them, or raise the ABI version and pass --breaking:\n  {}",
            lost.join("\n  ")
        );
    }
    if options.check {
        same(&header_path, &header)?;
        return same(&list_path, &list);
    }
    if let Some(folder) = header_path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&header_path, header).with_context(|| HEADER)?;
    fs::write(&list_path, list).with_context(|| ABI)
}

/// The suite: what is checked in is what the sources make.
///
/// # Errors
/// Those of [`run`].
pub fn check() -> Result<()> {
    run(&Options { check: true, breaking: false })
}

fn same(path: &Path, made: &str) -> Result<()> {
    let there = fs::read_to_string(path).unwrap_or_default();
    let differs = there.lines().zip(made.lines()).position(|(there, made)| there != made);
    if there == made {
        return Ok(());
    }
    let line = differs.unwrap_or_else(|| there.lines().count().min(made.lines().count())) + 1;
    bail!("{} is not what {CRATE} makes, first in line {line}: run `cargo xtask header`", path.display());
}

/// The text of the header.
fn make() -> Result<String> {
    let folder = root().join(CRATE);
    let mut config = cbindgen::Config::from_file(folder.join("cbindgen.toml"))
        .map_err(|why| anyhow::anyhow!("cbindgen.toml: {why}"))?;
    let version = env!("CARGO_PKG_VERSION");
    let mut parts = version.split('.');
    for part in ["major", "minor", "patch"] {
        let number = parts.next().context("a version has three parts")?;
        fill(&mut config.after_includes, part, number);
    }
    fill(&mut config.header, "version", version);
    let mut builder = cbindgen::Builder::new().with_config(config);
    let mut sections = Vec::new();
    for name in FILES {
        let path = folder.join("src").join(name).with_extension("rs");
        let source = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        sections.push(Section::of(&source));
        builder = builder.with_src(path);
    }
    let mut bytes = Vec::new();
    builder.generate().context("cbindgen")?.write(&mut bytes);
    arrange(&String::from_utf8(bytes)?, &sections)
}

fn fill(text: &mut Option<String>, name: &str, value: &str) {
    if let Some(text) = text {
        *text = text.replace(&format!("{{{name}}}"), value);
    }
}

/// What one source file adds to the header.
struct Section {
    title: String,
    functions: Vec<String>,
}

impl Section {
    /// Its first line of documentation, and its functions in their order.
    fn of(source: &str) -> Self {
        let title =
            source.lines().next().unwrap_or_default().trim_start_matches("//! ").trim_end_matches('.');
        let after = source.split("pub extern \"C\" fn ").skip(1);
        let functions = after.filter_map(|text| Some(text.split_once('(')?.0.to_owned())).collect();
        Self { title: title.to_owned(), functions }
    }
}

/// Puts the functions, which cbindgen gives in an order of its own, into that of the sources, under their titles.
fn arrange(header: &str, sections: &[Section]) -> Result<String> {
    const BEGIN: &str = "extern \"C\" {\n#endif // __cplusplus\n";
    const END: &str = "#ifdef __cplusplus\n}";
    let (before, rest) = header.split_once(BEGIN).context("no functions in the header")?;
    let (functions, after) = rest.rsplit_once(END).context("the functions do not end")?;
    let blocks: Vec<&str> =
        functions.split("\n\n").map(str::trim).filter(|block| !block.is_empty()).collect();
    let mut arranged = format!("{before}{BEGIN}");
    let mut count = 0;
    for Section { title, functions } in sections.iter().filter(|section| !section.functions.is_empty()) {
        let _ =
            write!(arranged, "\n/* ---- {title} {} */\n", "-".repeat(108_usize.saturating_sub(title.len())));
        for function in functions {
            let declares = |block: &&&str| {
                let mut code = block.lines().filter(|line| !line.starts_with("//"));
                code.any(|line| line.contains(&format!("{function}(")))
            };
            let block =
                blocks.iter().find(declares).with_context(|| format!("no {function} in the header"))?;
            let _ = write!(arranged, "\n{block}\n");
            count += 1;
        }
    }
    if count != blocks.len() {
        bail!("{count} functions in {CRATE}, {} in the header", blocks.len());
    }
    Ok(format!("{arranged}\n{END}{after}"))
}
