//! The suite of every backend.

use wkv7_core::Reference;
use wkv7_cpu::{Cpu, Path};
use wkv7_testkit::conformance;

#[test]
fn reference_conforms() {
    conformance(&Reference).assert();
}

#[test]
fn cpu_conforms() {
    conformance(&Cpu::new()).assert();
}

/// Whatever this machine has, the plain path is what the others fall back to.
#[test]
fn portable_cpu_conforms() {
    conformance(&Cpu::with_path(Path::Portable)).assert();
}
