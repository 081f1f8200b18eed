//! Hostile files against the real command: one line that names the file, no crash, little time, little memory.
//!
//! Linux only, because memory is limited by `ulimit -v`, which other systems lack or do not enforce. The limit is
//! the file's own size, as files are mapped whole, and 200 MB; the command itself takes less than 20 MB of that. It
//! limits address space, which is never less than the memory in use.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use wkv7::formats::convert::{Convert, Target, convert};
use wkv7::formats::{Checkpoint, Format, Vocabulary};
use wkv7_testkit::TinyModel;
use wkv7_testkit::files::{toy, write, write_gguf};
use wkv7_testkit::hostile::{Case, Folder, folders, gguf, plain, pth, rwkv_cpp, safetensors};

/// Memory beyond the file, in bytes.
const MEMORY: u64 = 200_000_000;
/// The longest that a refusal may take.
const SOON: Duration = Duration::from_secs(2);
/// When a run is given up.
const NEVER: Duration = Duration::from_secs(20);
/// Commands at a time.
const WORKERS: usize = 4;

/// How a run of the command ended.
struct Ended {
    status: ExitStatus,
    took: Duration,
    stdout: Vec<u8>,
    stderr: String,
}

/// `wkv7` with these arguments, in at most `memory` bytes.
fn wkv7<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, memory: u64) -> Ended {
    let limited = r#"ulimit -v "$0" && exec "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", limited, &(memory / 1024).to_string(), env!("CARGO_BIN_EXE_wkv7")]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().expect("sh starts");
    let [stdout, stderr] =
        [reader(child.stdout.take().expect("piped")), reader(child.stderr.take().expect("piped"))];
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status,
            None if start.elapsed() > NEVER => child.kill().expect("a child"),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let took = start.elapsed();
    let read = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().expect("no panic");
    Ended { status, took, stdout: read(stdout), stderr: String::from_utf8_lossy(&read(stderr)).into_owned() }
}

fn reader(mut pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe");
        bytes
    })
}

/// What is wrong with how a hostile file was refused; nothing is as it should be.
fn complaint(ended: &Ended, named: &str, words: &[&str]) -> Option<String> {
    let Ended { status, took, stdout, stderr } = ended;
    let line = stderr.strip_suffix('\n').unwrap_or("");
    if let Some(signal) = status.signal() {
        return Some(format!("killed by signal {signal} after {took:?}: {stderr}"));
    }
    if status.code() != Some(1) {
        return Some(format!("exit {:?}: {stderr}", status.code()));
    }
    if line.is_empty() || line.chars().any(char::is_control) || line.len() > 1_000 {
        return Some(format!("expected one line, found: {stderr:?}"));
    }
    if !stdout.is_empty() {
        return Some(format!("wrote {} bytes to standard output", stdout.len()));
    }
    if let Some(word) = [named].iter().chain(words).find(|&&word| !line.contains(word)) {
        return Some(format!("no `{word}` in: {line}"));
    }
    (*took > SOON).then(|| format!("took {took:?}: {line}"))
}

/// A file or folder to be refused.
struct Hostile {
    name: String,
    files: Vec<(&'static str, Vec<u8>)>, // one without a name, or those of a folder
    words: &'static [&'static str],
}

impl From<Case> for Hostile {
    fn from(Case { name, bytes, words }: Case) -> Self {
        Self { name: name.to_owned(), files: vec![("", bytes)], words }
    }
}

impl From<Folder> for Hostile {
    fn from(Folder { name, files, words }: Folder) -> Self {
        Self { name: name.to_owned(), files, words }
    }
}

impl Hostile {
    /// Puts it at `path`.
    fn write(&self, path: &Path) {
        if let [("", bytes)] = self.files.as_slice() {
            return fs::write(path, bytes).expect("written");
        }
        fs::create_dir(path).expect("made");
        for (name, bytes) in &self.files {
            fs::write(path.join(name), bytes).expect("written");
        }
    }

    /// Memory that the command may take for it.
    fn memory(&self) -> u64 {
        MEMORY + self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>()
    }
}

/// The commands that open a checkpoint.
enum Asked {
    Info,
    Generate,
    Convert,
}

/// Writes `hostile`, asks for something with it, and says what was wrong with the refusal.
fn refused(hostile: &Hostile, asked: &Asked) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hostile-file");
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("made");
    hostile.write(&path);
    let file = path.as_os_str();
    let target = out.join("made.gguf");
    let arguments = match asked {
        Asked::Info => vec![OsStr::new("info"), file],
        Asked::Generate => vec![OsStr::new("generate"), file, OsStr::new("Once")],
        Asked::Convert => vec![OsStr::new("convert"), file, target.as_os_str()],
    };
    let ended = wkv7(arguments, hostile.memory());
    let left = fs::read_dir(&out).expect("a folder").count();
    let wrong = complaint(&ended, "hostile-file", hostile.words);
    wrong.or_else(|| (left > 0).then(|| format!("left {left} files behind")))
}

/// Refusals of all of `all`, several at a time.
fn refuse(all: &[(Hostile, Asked)]) {
    let next = Mutex::new(all.iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some((hostile, asked)) = next.lock().expect("no panic").next() else { break };
                    if let Some(complaint) = refused(hostile, asked) {
                        wrong.lock().expect("no panic").push(format!("{}: {complaint}", hostile.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {} refusals:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// Every case asked for its facts; every seventh loaded and converted too.
fn refuse_tables(cases: impl IntoIterator<Item = impl Into<Hostile> + Clone>) -> usize {
    let mut all = Vec::new();
    for (n, case) in cases.into_iter().enumerate() {
        if n % 7 == 0 {
            all.push((case.clone().into(), Asked::Generate));
            all.push((case.clone().into(), Asked::Convert));
        }
        all.push((case.into(), Asked::Info));
    }
    refuse(&all);
    all.len()
}

#[test]
fn torch_archives() {
    let runs = refuse_tables(pth::containers_that_lie())
        + refuse_tables(pth::pickles_that_want_to_run())
        + refuse_tables(pth::pickles_that_are_broken())
        + refuse_tables(pth::views_that_lie());
    assert!(runs > 100, "{runs}");
    refuse_cuts("pth", &pth::good(false));
    refuse_cuts("zip64", &pth::good(true));
}

#[test]
fn safetensors_files() {
    let runs = refuse_tables(safetensors::headers_that_lie())
        + refuse_tables(safetensors::entries_that_lie())
        + refuse_tables(safetensors::sound_files_with_wrong_models());
    assert!(runs > 50, "{runs}");
    refuse_cuts("safetensors", &write::safetensors(&toy::model()));
}

#[test]
fn rwkv_cpp_files() {
    assert!(refuse_tables(rwkv_cpp::files_that_lie()) > 30);
    refuse_cuts("rwkv.cpp", &write::rwkv_cpp(&write::rwkv_cpp_toys()));
}

#[test]
fn gguf_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let sound = fs::read(sound_gguf(folder.path())).expect("written");
    let runs = refuse_tables(gguf::heads(&sound))
        + refuse_tables(gguf::metadata(&sound))
        + refuse_tables(gguf::vocabularies(&sound))
        + refuse_tables(gguf::tensors(&sound));
    assert!(runs > 100, "{runs}");
    refuse_cuts("GGUF", &sound);
}

#[test]
fn folders_and_things_that_are_no_checkpoint() {
    let runs = refuse_tables(folders::without_a_model())
        + refuse_tables(folders::configs_that_lie())
        + refuse_tables(folders::shards_that_lie())
        + refuse_tables(plain::no_checkpoint());
    assert!(runs > 50, "{runs}");
}

/// A sound file cut at places all over it.
fn refuse_cuts(format: &str, sound: &[u8]) {
    const CUTS: usize = 16;
    let cut = |n: usize| {
        let len = sound.len() * n / CUTS;
        let name = format!("{format} cut to {len} bytes");
        (Hostile { name, files: vec![("", sound[..len].to_vec())], words: &[] }, Asked::Info)
    };
    refuse(&(1..CUTS).map(cut).collect::<Vec<_>>());
}

/// A sound GGUF of the smallest size in `folder`.
fn sound_gguf(folder: &Path) -> PathBuf {
    let model = TinyModel::default();
    let checkpoint = Checkpoint {
        path: "memory".into(),
        format: Format::Pth,
        tensors: model.tensors(),
        recipe: model.recipe,
        vocabulary: Some(Vocabulary::from_token_bytes([None, Some(&b"a"[..])], model.vocab)),
        chat_template: Some("{{ ''.__class__.__mro__ }}".to_owned()),
        metadata: Default::default(),
        file_bytes: 0,
    };
    let out = folder.join("sound.gguf");
    convert(&checkpoint, &out, &Convert::to(Target::Gguf), &mut |_, _| true).expect("written");
    out
}

/// What is neither a file nor a folder, or has a name that is no text.
#[test]
fn strange_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let pipe = Command::new("mkfifo").arg(at("pipe")).status();
    assert!(pipe.expect("mkfifo runs").success());
    fs::create_dir(at("hub")).expect("made");
    std::os::unix::fs::symlink(at("pipe"), at("hub/config.json")).expect("made");
    std::os::unix::fs::symlink(at("loop"), at("loop")).expect("made");
    fs::write(at("two\nlines \u{1b}[2J"), b"x").expect("written");
    let bytes = folder.path().join(OsStr::from_bytes(b"not-\xff-text"));
    fs::write(&bytes, b"x").expect("written");
    for (path, named) in [
        (at("pipe"), "pipe"),
        (at("hub"), "config.json"),
        (at("loop"), "loop"),
        (at("absent"), "absent"),
        (at("absent/model.pth"), "model.pth"),
        (PathBuf::from("/dev/zero"), "/dev/zero"),
        (at("two\nlines \u{1b}[2J"), "two lines"),
        (bytes, "not-\u{fffd}-text"),
    ] {
        let ended = wkv7([OsStr::new("info"), path.as_os_str()], MEMORY);
        let wrong = complaint(&ended, named, &[]);
        assert_eq!(wrong, None, "{}", path.display());
    }
}

/// A vocabulary beside a sound model: one that would bring its library down, and a pipe that would be waited for.
#[test]
fn vocabularies_beside_a_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = sound_gguf(folder.path());
    let bare = folder.path().join("bare.safetensors");
    let text = folder.path().join("tokenizer.json");
    let pipe = Command::new("mkfifo").arg(folder.path().join("rwkv_vocab.txt")).status();
    assert!(pipe.expect("mkfifo runs").success());
    let converted = wkv7([OsStr::new("convert"), model.as_os_str(), bare.as_os_str()], 4 * MEMORY);
    assert_eq!(converted.status.code(), Some(0), "{}", converted.stderr);
    let charsmap = r#"{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "////f2FhYWE="}}"#;
    for (name, json, words) in [
        ("a map of 2 GB", charsmap, ["Precompiled"]),
        ("nothing but nesting", &"{\"decoder\":[".repeat(100_000), ["recursion limit"]),
        ("a steering name", "{\"model\": {\"type\": \"\\u001b[2J\\n\"}}", ["did not match"]),
    ] {
        fs::write(&text, json).expect("written");
        let ended = wkv7([OsStr::new("generate"), bare.as_os_str(), OsStr::new("a")], MEMORY);
        assert_eq!(complaint(&ended, "tokenizer.json", &words), None, "{name}");
    }
}

/// A sound file runs within the limit that the hostile ones get, so the limit does not refuse by itself; what its
/// metadata say cannot steer the terminal, and its chat template is text.
#[test]
fn a_sound_file_within_the_limit_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let sound = fs::read(sound_gguf(folder.path())).expect("written");
    let steering = write_gguf::Made(Vec::new(), 0)
        .text("evil\u{1b}[2J", "\u{1b}]0;owned\u{7} \u{9b}31m \u{202e}txt.exe\n\u{7f}next");
    let bytes = write_gguf::with_entries(&sound, steering);
    let path = folder.path().join("steering.gguf");
    fs::write(&path, &bytes).expect("written");
    for (arguments, harmful) in [(["info", "--"], "\u{202e}"), (["info", "--json"], "")] {
        let arguments = arguments.into_iter().map(OsStr::new).chain([path.as_os_str()]);
        let ended = wkv7(arguments, MEMORY + bytes.len() as u64);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        let text = String::from_utf8(ended.stdout).expect("text");
        assert!(text.contains("evil") && text.contains("txt.exe") && text.contains("__mro__"), "{text}");
        let steers = |c: char| c != '\n' && (c.is_control() || harmful.contains(c));
        assert!(!text.contains(steers), "{text:?}");
    }
}
