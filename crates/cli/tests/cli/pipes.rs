//! Closed pipes and Ctrl-C.

use std::io::Read as _;
use std::process::{Child, Stdio};

use crate::run::{Run, model, wkv7};

/// Takes a few bytes of the output and closes it; the exit code and what was said about it.
fn cut_short(run: Run) -> (Option<i32>, String) {
    let mut child = run.into_command().stdin(Stdio::null()).spawn().expect("wkv7 starts");
    let mut out = child.stdout.take().expect("piped");
    let mut few = [0; 4];
    let _ = out.read(&mut few);
    drop(out);
    let done = child.wait_with_output().expect("wkv7 ends");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn a_closed_pipe_is_no_error() {
    let quiet = (Some(0), String::new());
    assert_eq!(cut_short(wkv7(["generate", model(), "abc", "-n", "20000", "--bias", "0=-100"])), quiet);
    for arguments in
        [&["--help"][..], &["generate", "--help"], &["info", model()], &["info", "--json", model()]]
    {
        let mut child = wkv7(arguments).into_command().stdin(Stdio::null()).spawn().expect("wkv7 starts");
        drop(child.stdout.take());
        let done = child.wait_with_output().expect("wkv7 ends");
        assert_eq!(
            (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned()),
            quiet,
            "{arguments:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_says_where() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let done = wkv7(["info", model()]).into_command().stdout(full).output().expect("wkv7 ends");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(1) && said.contains("standard output"), "{said}");
}

/// Presses Ctrl-C once the first bytes are there.
#[cfg(unix)]
fn interrupted(mut child: Child) -> std::process::Output {
    let mut few = [0; 4];
    child.stdout.as_mut().expect("piped").read_exact(&mut few).expect("output");
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    child.wait_with_output().expect("wkv7 ends")
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_generation() {
    let endless = wkv7(["generate", model(), "abc", "-n", "100000000"]);
    let done = interrupted(endless.into_command().stdin(Stdio::null()).spawn().expect("wkv7 starts"));
    assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(130), &b""[..]));
}

/// Ctrl-C while a file is being written; the model is large enough to be caught at it.
#[cfg(unix)]
#[test]
fn ctrl_c_leaves_no_half_written_file() {
    let folder = crate::run::folder();
    let world = crate::run::world_model(folder.path());
    let out = crate::run::text(&folder.path().join("m.gguf"));
    let run = wkv7(["convert", &world, &out]).into_command();
    let mut child = { run }.stdin(Stdio::null()).spawn().expect("wkv7 starts");
    std::thread::sleep(std::time::Duration::from_millis(30));
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.is_ok());
    let status = child.wait().expect("wkv7 ends");
    // Caught in time or just too late, perhaps between the last byte and the end of the process: the file
    // is not there, or it is whole. Nothing else lies about.
    let whole = std::path::Path::new(&out).exists();
    if whole {
        wkv7(["info", &out]).ok();
    }
    assert!(whole || !status.success(), "{status} and no file");
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1 + usize::from(whole));
}

/// Ctrl-C while a prompt of a hundred thousand tokens is read, with the slow backend.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_reading_of_a_prompt() {
    let folder = crate::run::folder();
    let [prompt, state] = ["prompt", "state"].map(|name| crate::run::text(&folder.path().join(name)));
    std::fs::write(&prompt, "a word ".repeat(100_000)).expect("written");
    let run = wkv7(["generate", model(), "-f", &prompt, "--backend", "reference", "--save-state", &state]);
    let child = run.into_command().stdin(Stdio::null()).spawn().expect("wkv7 starts");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    let start = std::time::Instant::now();
    let done = child.wait_with_output().expect("wkv7 ends");
    assert!(start.elapsed().as_secs_f64() < 2.0, "{:?}", start.elapsed());
    assert_eq!((done.status.code(), done.stdout.len(), done.stderr.len()), (Some(130), 0, 0));
    assert!(!std::path::Path::new(&state).exists(), "the state of half a prompt");
}
