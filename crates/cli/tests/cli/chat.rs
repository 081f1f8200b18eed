//! `chat`, over pipes: one turn a line.

use crate::run::{Run, folder, model, text, wkv7};

fn chat() -> Run {
    wkv7(["chat", model(), "-n", "6", "--seed", "5", "--template", "world"])
}

/// The answers; each ends in a line end, and a random model may write more of them.
fn said(input: &str) -> String {
    chat().stdin(input).ok().text()
}

#[test]
fn each_line_is_answered() {
    let one = said("hello\n");
    assert!(one.ends_with('\n') && one.len() > 1, "{one:?}");
    let two = said("hello\n\nwho?");
    assert!(two.starts_with(&one) && two.len() > one.len(), "{two:?}");
    assert!(said("//not a command\n").len() > 1);
    assert_eq!(two, said("hello\r\nwho?\n/quit\nnever\n"));
}

#[test]
fn a_turn_is_taken_back() {
    let folder = folder();
    let states = ["a", "b", "c"].map(|name| text(&folder.path().join(name)));
    let [a, b, c] = &states;
    chat().stdin(format!("hello\n/save {a}\nwho?\n/undo\n/save {b}\n/undo\n/undo\n/save {c}\n")).run();
    let equal = |x: &str, y: &str| {
        let difference = wkv7(["state", "diff", "--json", x, y]).ok().json();
        difference["equal"] == true && difference["tokens_seen"][0] == difference["tokens_seen"][1]
    };
    assert!(equal(a, b));
    assert!(!std::path::Path::new(c).exists(), "the second /undo had nothing to take back");
}

#[test]
fn a_conversation_is_saved_and_loaded() {
    let folder = folder();
    let [a, b, c] = ["a", "b", "c"].map(|name| text(&folder.path().join(name)));
    chat()
        .stdin(format!("hello\n/save {a}\n/reset\n/load {a}\n/save {b}\n/system Be brief.\n/save {c}\n"))
        .ok();
    let tokens = |path: &str| wkv7(["state", "inspect", "--json", path]).ok().json()["tokens_seen"].as_u64();
    assert_eq!(tokens(&a), tokens(&b));
    assert!(tokens(&a) > Some("User: hello\n\nAssistant:".len() as u64));
    assert_eq!(tokens(&c), Some("System: Be brief.".len() as u64));
    // A state from elsewhere begins the conversation, too.
    let with_state = chat().with(["--state", &a]).stdin(format!("more\n/save {c}\n")).ok();
    assert!(tokens(&c) > tokens(&a), "{}", with_state.text());
}

#[test]
fn thinking_is_forgotten_before_the_next_turn() {
    let folder = folder();
    let state = text(&folder.path().join("a"));
    let thinking =
        wkv7(["chat", model(), "-n", "6", "--think", "some", "--system", "s", "--temperature", "0"]);
    thinking.stdin(format!("hello\n/save {state}\n")).ok();
    let seen = wkv7(["state", "inspect", "--json", &state]).ok().json()["tokens_seen"].as_u64();
    assert_eq!(seen, Some("System: s\n\nUser: hello\n\nAssistant:".len() as u64 + 1));
}

#[test]
fn help_is_given_and_mistakes_end_a_script() {
    let help = chat().stdin("/help\n").ok();
    assert!(help.stderr().contains("/save FILE") && help.text().is_empty(), "{}", help.stderr());
    for line in ["/frobnicate", "/save", "/undo", "/load /nowhere/x", "/reset now"] {
        let error = chat().stdin(format!("{line}\nhello\n")).fails(1);
        assert!(error.starts_with("error: "), "{line}: {error}");
    }
}
