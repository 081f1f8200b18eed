//! Runs the command and asks what it said.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use wkv7::Dtype;
use wkv7::formats::convert::{Convert, Target, convert};
use wkv7::formats::{Checkpoint, Format};
use wkv7_testkit::TinyModel;

/// A run of `wkv7`, not yet started.
pub struct Run {
    command: Command,
    stdin: Vec<u8>,
}

/// What came of it.
pub struct Done(pub Output);

/// `wkv7` with these arguments, in a folder of its own and with nothing on standard input.
pub fn wkv7<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wkv7"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Run { command, stdin: Vec::new() }
}

impl Run {
    /// Further arguments.
    pub fn with<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Where it runs.
    pub fn inside(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Bytes on standard input.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Done {
        let mut child = self.command.spawn().expect("wkv7 starts");
        let mut stdin = child.stdin.take().expect("piped");
        let bytes = self.stdin;
        let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes))); // it may not want them all
        let output = child.wait_with_output().expect("wkv7 ends");
        writer.join().expect("no panic");
        Done(output)
    }

    /// Runs it; it must succeed.
    pub fn ok(self) -> Done {
        let done = self.run();
        assert!(done.0.status.success(), "{:?}: {}", done.0.status, done.stderr());
        done
    }

    /// Runs it; it must fail with `code` and say why on one line, which is returned.
    pub fn fails(self, code: i32) -> String {
        let done = self.run();
        let said = done.stderr();
        assert_eq!(done.0.status.code(), Some(code), "{said}");
        assert!(said.starts_with("error: ") && said.ends_with('\n'), "{said:?}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(done.0.stdout.is_empty(), "{}", done.text());
        said
    }

    /// The command itself, for tests that need more.
    pub fn into_command(self) -> Command {
        self.command
    }
}

impl Done {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Standard output as one line of JSON.
    pub fn json(&self) -> Value {
        let text = self.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// A tiny random model of bytes, written once for all tests.
pub fn model() -> &'static str {
    static FOLDER: OnceLock<(TempDir, String)> = OnceLock::new();
    let written = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.safetensors");
        write(&tiny(), &path);
        let path = text(&path);
        (folder, path)
    });
    &written.1
}

/// Two layers of 128 channels, two heads of the usual size, bytes.
pub fn tiny() -> TinyModel {
    TinyModel { vocab: 256, channels: 128, head_size: 64, ..TinyModel::default() }
}

/// A model of the World vocabulary's size, in f16 to keep it small.
pub fn world_model(folder: &Path) -> String {
    let path = folder.join("world.safetensors");
    let model = TinyModel { vocab: 65_536, channels: 32, ..TinyModel::default() }.in_dtype(Dtype::F16);
    write(&model, &path);
    text(&path)
}

/// Writes `model` as safetensors.
pub fn write(model: &TinyModel, path: &Path) {
    let checkpoint = Checkpoint {
        path: PathBuf::from("random"),
        format: Format::Safetensors,
        tensors: model.tensors(),
        recipe: model.recipe,
        vocabulary: None,
        chat_template: None,
        metadata: Default::default(),
        file_bytes: 0,
    };
    convert(&checkpoint, path, &Convert::to(Target::Safetensors), &mut |_, _| true).expect("written");
}

/// The path as text.
pub fn text(path: &Path) -> String {
    path.to_str().expect("a temporary path is text").to_owned()
}

/// A folder for one test.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The file `name` in the shared fixtures folder, where there is one.
pub fn fixture(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures").join(name);
    if path.exists() {
        return Some(text(&path));
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}
