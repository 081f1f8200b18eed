//! The suite of every backend, on every path that this machine can take.

use wkv7_cpu::{Cpu, Path};
use wkv7_testkit::conformance;

#[test]
fn every_path_conforms() {
    for path in Path::ALL {
        if !path.is_available() {
            println!("skipped: this machine cannot take path `{path}`");
            continue;
        }
        println!("path {path}");
        conformance(&Cpu::with_path(path)).assert();
    }
}
