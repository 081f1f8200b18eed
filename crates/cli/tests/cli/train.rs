//! `train`.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::run::{Run, folder, text, wkv7};

/// A very small run over `tales.txt` in `folder`, which it writes.
fn train(folder: &TempDir, name: &str, steps: u64) -> Run {
    train_with(folder, name, steps, &[])
}

/// The same with these flags.
fn train_with(folder: &TempDir, name: &str, steps: u64, changes: &[(&str, &str)]) -> Run {
    let tales = folder.path().join("tales.txt");
    if !tales.exists() {
        let words = ["fox", "hen", "owl", "asked", "the", "met", "a", "old", "and", "slept"];
        let tale = (0..900_usize).map(|at| words[(at * at + at / 7) % 10]).collect::<Vec<_>>().join(" ");
        std::fs::write(&tales, tale).expect("written");
    }
    let usual = [
        ("--vocab", "bytes"),
        ("--layers", "1"),
        ("--channels", "32"),
        ("--head-size", "16"),
        ("--context", "16"),
        ("--batch", "2"),
        ("--held-out", "0.05"),
        ("--learning-rate", "2e-3"),
        ("--save-every", "5"),
        ("--valid-every", "20"),
    ];
    let usual = usual.into_iter().filter(|(flag, _)| changes.iter().all(|(changed, _)| changed != flag));
    let run = wkv7(["train", &place(folder, name), "--data", &text(&tales), "--steps", &steps.to_string()]);
    run.with(usual.chain(changes.iter().copied()).flat_map(|(flag, value)| [flag, value]))
}

fn place(folder: &TempDir, name: &str) -> String {
    text(&folder.path().join(name))
}

/// The log's lines up to what time they took, by step; every step must be there once.
fn lines(run: &str) -> Vec<String> {
    let log = std::fs::read_to_string(Path::new(run).join("train_log.jsonl")).expect("a log");
    let whole = log.lines().map(|line| {
        let (numbers, _) = line.split_once(",\"tokens_per_second\"").expect("a whole line");
        numbers.to_owned()
    });
    let whole: Vec<String> = whole.collect();
    for (at, line) in whole.iter().enumerate() {
        assert!(line.starts_with(&format!("{{\"step\":{},", at + 1)), "line {at}: {line}");
    }
    whole
}

fn names(run: &str) -> Vec<String> {
    let entries = std::fs::read_dir(run).expect("listed").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

/// Lines that the log has so far.
fn logged(run: &str) -> usize {
    std::fs::read(Path::new(run).join("train_log.jsonl"))
        .map_or(0, |log| log.iter().filter(|byte| **byte == b'\n').count())
}

/// Waits until the log has so many lines, or the child has ended.
fn wait_for(child: &mut Child, run: &str, lines: usize) {
    let start = Instant::now();
    while logged(run) < lines && child.try_wait().expect("asked").is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "{} of {lines} lines", logged(run));
        std::thread::sleep(Duration::from_micros(300));
    }
}

fn start(run: Run) -> Child {
    let mut command = run.into_command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("wkv7 starts")
}

/// Killed again and again, at moments that no two runs of this test share, in the middle of steps, lines and checkpoints.
#[test]
fn a_run_that_is_killed_at_any_moment_ends_with_the_same_bits() {
    const STEPS: u64 = 160;
    let folder = folder();
    let [whole, killed] = ["whole", "killed"].map(|name| place(&folder, name));
    train(&folder, "whole", STEPS).ok();
    let mut random = std::process::id() | 1;
    let mut kills = 0;
    for _ in 0..12 {
        // xorshift
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let threads = if random.is_multiple_of(2) { "1" } else { "2" };
        let mut child = start(train(&folder, "killed", STEPS).with(["--threads", threads]));
        let lines = logged(&killed).min(STEPS as usize - 9) + 1 + (random % 9) as usize;
        wait_for(&mut child, &killed, lines);
        std::thread::sleep(Duration::from_micros(u64::from(random >> 16) % 5000));
        child.kill().expect("killed, or gone");
        kills += u32::from(!child.wait().expect("gone").success());
    }
    assert!(kills >= 5, "{kills}");
    train(&folder, "killed", STEPS).ok();
    assert_eq!(lines(&whole).len() as u64, STEPS);
    assert_eq!(lines(&killed), lines(&whole));
    let model = |run: &str| std::fs::read(Path::new(run).join("model.safetensors")).expect("a model");
    assert!(model(&killed) == model(&whole), "the weights differ");
    let left = ["checkpoint-00000155.safetensors", "checkpoint-00000160.safetensors"];
    let rest = ["config.toml", "model.safetensors", "train_log.jsonl"];
    assert_eq!(names(&killed), [&[".lock"][..], &left, &rest].concat());
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.is_ok(), "kill is there; the child may be gone");
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_a_second_one_leaves_at_once() {
    let folder = folder();
    let run = place(&folder, "run");
    let mut child = start(train_with(&folder, "run", 1_000_000, &[("--save-every", "0")]));
    wait_for(&mut child, &run, 7);
    interrupt(&child);
    let done = child.wait_with_output().expect("wkv7 ends");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(130), "{said}");
    let steps = lines(&run).len();
    let checkpoint = format!("checkpoint-{steps:08}.safetensors");
    assert_eq!(names(&run), [".lock", &checkpoint, "config.toml", "train_log.jsonl"]);
    assert!(
        said.contains("stopped after step") && said.contains("`wkv7 train ") && said.lines().count() == 1,
        "{said}"
    );

    let mut child = start(wkv7(["train", &run]));
    wait_for(&mut child, &run, steps + 4);
    interrupt(&child);
    interrupt(&child);
    assert_eq!(child.wait().expect("wkv7 ends").code(), Some(130));
    let all = logged(&run) + 5;
    let table = wkv7(["train", &run, "--steps", &all.to_string()]).ok().text();
    assert!(table.contains("model.safetensors"), "{table}");
    assert_eq!(lines(&run).len(), all);
}

/// A limit on the size of files stands for a disk that is full; without the trap the system would kill the process.
#[cfg(unix)]
#[test]
fn a_full_disk_is_one_clear_line_and_loses_no_checkpoint() {
    let folder = folder();
    let run = place(&folder, "run");
    train(&folder, "run", 10).ok();
    let before = names(&run);
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" train \"$1\" --steps 20";
    let mut shell = std::process::Command::new("sh");
    let done = shell.args(["-c", script, env!("CARGO_BIN_EXE_wkv7"), &run]).output().expect("a shell");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: ") && said.contains("checkpoint-00000015") && said.lines().count() == 1,
        "{said}"
    );
    assert!(said.contains("too large"), "{said}");
    assert_eq!(names(&run), before);
    wkv7(["train", &run]).ok();
    assert_eq!(lines(&run).len(), 20);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = folder();
    train(&folder, "run", 1).ok();
    let said = train(&folder, "tales.txt/run", 1).fails(1);
    assert!(said.contains("tales.txt/run: "), "{said}");
}

#[test]
fn settings_come_from_a_file_and_flags_win() {
    let folder = folder();
    let [settings, run] = ["a.toml", "run"].map(|name| place(&folder, name));
    train(&folder, "other", 1).ok();
    let lines =
        "layers = 1\nchannels = 32\nhead-size = 16\ncontext = 16\nbatch = 2\nvocab = 'bytes'\nsteps = 9\n";
    std::fs::write(&settings, format!("{lines}data = ['{}']\n", place(&folder, "tales.txt")))
        .expect("written");
    wkv7(["train", &run, "--config", &settings, "--steps", "2", "--export", "pth"]).ok();
    let kept = std::fs::read_to_string(Path::new(&run).join("config.toml")).expect("kept");
    for line in ["steps = 2", "layers = 1", "warmup = 0", "learning-rate = 0.0006", "vocab-size = 256"] {
        assert!(kept.lines().any(|kept| kept == line), "{line} in {kept}");
    }
    assert!(names(&run).contains(&"model.pth".to_owned()));
    // The kept file is one like any other.
    let again = place(&folder, "again");
    wkv7(["train", &again, "--config", &text(&Path::new(&run).join("config.toml"))]).ok();
    assert_eq!(super::train::lines(&again), super::train::lines(&run));
    let said = wkv7(["train", &run, "--batch", "3"]).fails(1);
    assert!(said.contains("batch = 2") && said.contains("new folder"), "{said}");
    std::fs::write(&settings, "lerning-rate = 1\n").expect("written");
    let said = wkv7(["train", &run, "--config", &settings]).fails(1);
    assert!(
        said.contains("a.toml, line 1: ")
            && said.contains("`lerning-rate`")
            && said.contains("`learning-rate`"),
        "{said}"
    );
    assert!(wkv7(["train", &run, "--steps", "1", "--epochs", "1"]).fails(2).contains("--epochs"));
    assert!(wkv7(["train", &place(&folder, "none")]).fails(1).contains("data"));
}

#[test]
fn factors_may_be_bf16_and_a_run_may_change_its_mind() {
    let folder = folder();
    let wide = [("--channels", "64"), ("--context", "64"), ("--save-every", "1")];
    train_with(&folder, "f32", 4, &wide).ok();
    let bf16: Vec<_> = wide.into_iter().chain([("--precision", "bf16")]).collect();
    train_with(&folder, "bf16", 4, &bf16).ok();
    let loss = |name, step: usize| {
        let line: serde_json::Value =
            serde_json::from_str(&format!("{}}}", lines(&place(&folder, name))[step])).expect("JSON");
        line["loss"].as_f64().expect("a loss")
    };
    for step in 0..4 {
        let (f32, bf16) = (loss("f32", step), loss("bf16", step));
        // 8 significant bits, a few steps long: 4e-4 found.
        assert!((f32 - bf16).abs() < 2e-3 * f32, "step {step}: {f32} and {bf16}");
    }
    let run = place(&folder, "bf16");
    wkv7(["train", &run, "--precision", "f32", "--steps", "5"]).ok();
    assert_eq!(lines(&run).len(), 5);
    assert!(train_with(&folder, "f16", 2, &[("--precision", "f16")]).fails(2).contains("bf16"));
    let said = wkv7(["train", &place(&folder, "task"), "--task", "parity", "--precision", "bf16"]).fails(1);
    assert!(said.contains("--precision"), "{said}");
}

#[test]
fn spikes_are_told_and_logged() {
    let folder = folder();
    let often = [("--spike-window", "5"), ("--spike-sigma", "0.001")];
    let seldom = [("--log-every", "1000"), ("--valid-every", "0")];
    let done = train_with(&folder, "run", 30, &[often, seldom].concat()).with(["--json"]).ok();
    let told = done.stderr().lines().filter(|line| line.starts_with("spike: step ")).count();
    let logged = done.text().lines().filter(|line| line.contains("\"spike\":{\"what\":")).count();
    assert!(told > 0 && told == logged, "{told} and {logged}: {}", done.stderr());
    let log = std::fs::read_to_string(folder.path().join("run/train_log.jsonl")).expect("a log");
    assert_eq!(log, done.text(), "standard output has the lines of the log");
}

#[test]
fn the_loss_is_drawn_with_or_without_training() {
    let folder = folder();
    let [run, first, second] = ["run", "a.svg", "b.svg"].map(|name| place(&folder, name));
    train(&folder, "run", 25).with(["--plot", &first]).ok();
    let svg = std::fs::read_to_string(&first).expect("drawn");
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
    assert!(svg.contains("25 steps, 800 tokens") && svg.contains(">held out<"), "{svg}");
    let before = names(&run);
    wkv7(["train", &run, "--plot", &second, "--plot-only"]).ok();
    assert_eq!((std::fs::read_to_string(&second).expect("drawn"), names(&run)), (svg, before));
    assert!(
        wkv7(["train", &place(&folder, "none"), "--plot", &second, "--plot-only"])
            .fails(1)
            .contains("train_log")
    );
}

#[test]
fn a_vocabulary_in_a_file_lies_beside_the_model() {
    let folder = folder();
    let [run, vocabulary] = ["run", "v.txt"].map(|name| place(&folder, name));
    let line = |id: u32| {
        let byte = format!("b'\\x{:02x}'", id - 1);
        format!("{id} {byte} 1\n")
    };
    std::fs::write(&vocabulary, (1..=256).map(line).collect::<String>()).expect("written");
    train_with(&folder, "run", 2, &[("--vocab", &vocabulary)]).ok();
    let model = text(&Path::new(&run).join("model.safetensors"));
    let done = wkv7(["generate", &model, "the ", "-n", "3"]).ok();
    assert!(done.stderr().is_empty(), "{}", done.stderr());
    let fine = place(&folder, "fine");
    let data = place(&folder, "tales.txt");
    let flags = ["--from", &model, "--data", &data, "--context", "16", "--batch", "2", "--steps", "2"];
    wkv7(["train", &fine]).with(flags).ok();
    assert!(wkv7(["info", &text(&Path::new(&fine).join("model.safetensors"))]).ok().text().contains("257"));
}

#[test]
fn a_synthetic_task_is_trained_tested_and_reported() {
    let folder = folder();
    let run = text(&folder.path().join("parity"));
    let task = |rest: &[&str]| {
        let small = ["--channels", "16", "--head-size", "16", "--steps", "3", "--test-lengths", "4,9"];
        wkv7(["train", &run, "--task", "parity"]).with(small).with(rest)
    };
    let lines = task(&["--depths", "1", "--rate-range", "1,2", "--json"]).ok().text();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let facts: Vec<_> =
        lines.iter().map(|line| (line["rate_range"].as_f64(), line["length"].as_u64())).collect();
    assert_eq!(
        facts,
        [(Some(1.0), Some(4)), (Some(1.0), Some(9)), (Some(2.0), Some(4)), (Some(2.0), Some(9))]
    );
    assert!(lines.iter().all(|line| (0.0..=1.0).contains(&line["accuracy"].as_f64().expect("a number"))));
    for name in ["parity.md", "parity.svg", "parity-1-2.svg"] {
        assert!(Path::new(&run).join(name).is_file(), "{name}");
    }
    let learnt = task(&["--mastery", "0.95"]).ok().text();
    assert!(learnt.contains("growth at 95 % right") && learnt.contains("lengths up to 1,"), "{learnt}");
    let error = task(&["--layers", "2"]).fails(1);
    assert!(error.contains("--depths are the layers"), "{error}");
    assert!(wkv7(["train", &run, "--task", "chess"]).fails(2).contains("s5-swaps"));
}
