//! What a test does that needs a graphics card in software, where there is none.

/// `found` again. Where it is nothing, says that the test is skipped; where `CI=true`, that is a failure.
///
/// # Panics
/// Where nothing was found and `CI=true`.
#[allow(clippy::print_stdout, reason = "a test that did nothing says so")]
pub fn software_adapter<T>(found: Option<T>) -> Option<T> {
    if found.is_none() {
        let what = "no software adapter (apt-get install mesa-vulkan-drivers libvulkan1)";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{what}");
        println!("skipped: {what}");
    }
    found
}
