//! Runs in folders: they go on as if they had never ended, and say what is wrong.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use wkv7_train::Error;
use wkv7_train::data::Dataset;
use wkv7_train::run::{Config, Event, Export, Folder, Outcome, Record, Run, read_log};

const STEPS: u64 = 12;

/// A very small run over numbers that follow each other.
fn config() -> Config {
    let mut config = Config::default();
    config.data = vec![PathBuf::from("numbers")];
    (config.layers, config.channels, config.head_size) = (Some(2), Some(32), Some(16));
    (config.context, config.batch, config.steps) = (16, 2, Some(STEPS));
    (config.held_out, config.save_every, config.valid_every) = (0.2, 4, 5);
    (config.learning_rate, config.threads) = (Some(3e-3), Some(1));
    config
}

fn data() -> Dataset {
    let documents = (0..60_u32).map(|n| (0..20).map(|at| 1 + (n * 7 + at * (n % 5)) % 60).collect());
    Dataset::from_documents("numbers", documents, 64).and_then(|data| data.hold_out(0.2)).expect("ids fit")
}

fn open(folder: &TempDir, config: Config) -> Result<Run, Error> {
    Run::open(Folder::new(folder.path()), config, data())
}

fn go(run: &mut Run, last: u64) -> Outcome {
    run.go(&mut |event| !matches!(event, Event::Step(record) if record.step >= last)).expect("goes")
}

/// Lines without what time they took.
fn lines(folder: &TempDir) -> Vec<Record> {
    let log = read_log(&Folder::new(folder.path()).log()).expect("a log");
    let timeless = |mut record: Record| {
        (record.seconds, record.tokens_per_second) = (0.0, 0.0);
        record
    };
    log.into_iter().map(timeless).collect()
}

fn checkpoints(folder: &TempDir) -> Vec<u64> {
    let found = Folder::new(folder.path()).checkpoints().expect("listed");
    found.into_iter().map(|(step, _)| step).collect()
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_run_that_stops_and_goes_on_is_one_that_never_stopped() {
    let [whole, parts] = [temporary(), temporary()];
    let mut run = open(&whole, config()).expect("opens");
    let outcome = go(&mut run, u64::MAX);
    assert!(outcome.finished && outcome.steps == STEPS && outcome.written.len() == 1);
    for last in [1, 3, 4, 9, u64::MAX] {
        let mut run = open(&parts, config()).expect("opens");
        let outcome = go(&mut run, last);
        assert_eq!((outcome.finished, outcome.steps), (last > STEPS, last.min(STEPS)));
    }
    let log = lines(&whole);
    assert_eq!(log.iter().map(|record| record.step).collect::<Vec<_>>(), (1..=STEPS).collect::<Vec<_>>());
    let measured = log.iter().filter(|record| record.held_out_loss.is_some()).map(|record| record.step);
    assert_eq!(measured.collect::<Vec<_>>(), [1, 5, 10, 12]);
    assert!(log[11].loss < log[0].loss, "it learns");
    assert_eq!(lines(&parts), log);
    let model = |folder: &TempDir| fs::read(folder.path().join("model.safetensors")).expect("written");
    assert!(model(&whole) == model(&parts));
    assert_eq!((checkpoints(&whole), checkpoints(&parts)), (vec![12, 8], vec![12, 9]));
}

#[test]
fn a_broken_checkpoint_is_passed_over_with_a_notice() {
    let folder = temporary();
    drop(go(&mut open(&folder, config()).expect("opens"), 9));
    let (log, newest) = (lines(&folder), folder.path().join("checkpoint-00000009.safetensors"));
    assert_eq!(checkpoints(&folder), [9, 8]);
    let bytes = fs::read(&newest).expect("there");
    fs::write(&newest, &bytes[..bytes.len() / 2]).expect("written");
    let mut run = open(&folder, config()).expect("goes on from the one before");
    assert_eq!((run.done(), run.notices().len()), (8, 1));
    assert!(run.notices()[0].contains("checkpoint-00000009"), "{:?}", run.notices());
    drop(go(&mut run, 9));
    assert_eq!((lines(&folder), checkpoints(&folder)), (log, vec![9, 8]));
    assert!(fs::read(&newest).expect("there") == bytes || run.notices().len() == 1);
    drop(run);
    for (_, path) in Folder::new(folder.path()).checkpoints().expect("listed") {
        fs::write(path, "no checkpoint").expect("written");
    }
    let said = open(&folder, config()).err().expect("nothing to go on from").to_string();
    assert!(said.contains("checkpoint-0000000"), "{said}");
    assert_eq!(lines(&folder).len(), 9, "the log is as it was");
}

#[test]
fn what_a_killed_process_left_half_written_is_removed() {
    let folder = temporary();
    let half = folder.path().join(".wkv7-abc.part");
    fs::write(&half, "half").expect("written");
    drop(open(&folder, config()).expect("opens"));
    assert!(!half.exists());
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = temporary();
    let run = open(&folder, config()).expect("opens");
    assert!(matches!(open(&folder, config()), Err(Error::Busy { .. })));
    drop(run);
    assert!(open(&folder, config()).is_ok());
}

#[test]
fn another_run_is_refused() {
    let folder = temporary();
    drop(go(&mut open(&folder, config()).expect("opens"), 2));
    let began = Folder::new(folder.path());
    let mut other = config();
    other.data = vec!["numbers".into()];
    other.batch = 3;
    let said = began.settings(&other).expect_err("another").to_string();
    assert!(said.contains("batch = 2"), "{said}");
    // Whoever edits the file is told as well.
    let mut edited = config();
    edited.seed = 5;
    let said = open(&folder, edited).err().expect("another").to_string();
    assert!(said.contains("seed = 0") && said.contains("with 5"), "{said}");
    let shorter = Dataset::from_documents("fewer", vec![vec![1_u32; 999]], 64).expect("ids fit");
    let said = Run::open(began, config(), shorter).err().expect("other data").to_string();
    assert!(said.contains("1200 tokens") && said.contains("999"), "{said}");
}

#[test]
fn a_model_is_finetuned_and_written_in_both_formats() {
    let [first, second] = [temporary(), temporary()];
    drop(go(&mut open(&first, config()).expect("opens"), u64::MAX));
    let mut fine = config();
    (fine.layers, fine.channels, fine.head_size, fine.learning_rate) = (None, None, None, None);
    fine.from = Some(first.path().join("model.safetensors"));
    fine.export = vec![Export::Safetensors, Export::Pth];
    fine.dtype = "bf16".to_owned();
    let mut run = open(&second, fine.clone()).expect("opens");
    assert_eq!((run.config().learning_rate, run.config().vocab_size), (Some(1e-5), Some(64)));
    let outcome = go(&mut run, 5);
    assert!(!outcome.finished && outcome.written.is_empty());
    drop(run);
    fs::remove_file(first.path().join("model.safetensors")).expect("removed"); // no longer needed
    let outcome = go(&mut open(&second, fine).expect("opens"), u64::MAX);
    assert_eq!(outcome.written.len(), 2);
    let began = lines(&first)[11].held_out_loss.expect("measured");
    let after = lines(&second)[0].held_out_loss.expect("measured");
    assert!((began - after).abs() < 0.02, "one step at a low rate: {began} and {after}");
    for path in outcome.written {
        let weights = wkv7_formats::open(path).expect("opens").weights().expect("a model");
        assert_eq!((weights.config().layers, weights.config().vocab), (2, 64));
    }
}

#[test]
fn steps_that_change_nothing_end_a_run_and_are_in_the_log() {
    let folder = temporary();
    let mut hot = config();
    (hot.learning_rate, hot.learning_rate_last, hot.warmup) = (Some(1e30), Some(1e30), Some(0));
    hot.steps = Some(1000);
    let mut run = open(&folder, hot).expect("opens");
    let said = run.go(&mut |_| true).expect_err("hopeless").to_string();
    assert!(said.contains("lower learning rate"), "{said}");
    let log = lines(&folder);
    assert!(log.iter().filter(|record| record.skipped && record.spike.is_some()).count() >= 50);
    assert!(log.len() < 1000 && checkpoints(&folder).len() == 2);
}
