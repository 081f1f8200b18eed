//! The suite of every backend, on every path that this machine can take, with approximations and without.

use wkv7_cpu::{Cpu, Path};
use wkv7_testkit::{Tolerance, conformance};

fn available() -> impl Iterator<Item = Path> {
    Path::ALL.into_iter().filter(|path| {
        if !path.is_available() {
            println!("skipped: this machine cannot take path `{path}`");
        }
        path.is_available()
    })
}

#[test]
fn every_path_conforms_where_it_is_exact() {
    for path in available() {
        println!("path {path}, exact");
        conformance(&Cpu::with_path(path)).exact().assert();
    }
}

#[test]
fn every_path_conforms_but_for_what_it_approximates() {
    for path in available() {
        println!("path {path}");
        conformance(&Cpu::with_path(path))
            .approximates(&Cpu::APPROXIMATED, Tolerance::Q8_ACTIVATIONS)
            .approximates(&[Cpu::IN_PARTS], Tolerance::of_bf16_parts(path.bf16_parts()))
            .assert();
    }
}
