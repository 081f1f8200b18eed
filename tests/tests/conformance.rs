//! The suite of every backend on the oracle itself; the other backends run it in their own crates.

use wkv7_core::Reference;
use wkv7_testkit::conformance;

#[test]
fn reference_conforms() {
    conformance(&Reference).assert();
}
