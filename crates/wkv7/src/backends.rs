//! The backends of this build.

use wkv7_core::{Backend, LoadOptions, Model, Reference, Weights};

use crate::{BackendChoice, Error};

/// Names of the backends of this build, fastest first.
#[must_use]
pub fn backends() -> Vec<&'static str> {
    all().iter().map(|backend| backend.name()).collect()
}

/// Fastest first; the last is the reference.
fn all() -> Vec<Box<dyn Backend>> {
    vec![Box::new(wkv7_cpu::Cpu::default()), Box::new(Reference)]
}

/// Loads `weights` on the chosen backend; the automatic choice is the first that is available, but never the
/// reference, which nobody wants by accident.
pub(crate) fn load(
    choice: &BackendChoice,
    weights: &Weights,
    options: &LoadOptions,
) -> Result<Box<dyn Model>, Error> {
    let mut failure = None;
    for backend in all() {
        match choice {
            BackendChoice::Named(name) if name != backend.name() => continue,
            BackendChoice::Named(_) => return Ok(backend.load(weights, options)?),
            BackendChoice::Auto if backend.name() == Reference.name() => {}
            BackendChoice::Auto => match backend.load(weights, options) {
                Ok(model) => return Ok(model),
                Err(
                    error @ (wkv7_core::Error::Unavailable { .. } | wkv7_core::Error::Unsupported { .. }),
                ) => {
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error.into()),
            },
        }
    }
    Err(failure.unwrap_or_else(|| unknown(choice)).into())
}

fn unknown(choice: &BackendChoice) -> wkv7_core::Error {
    let why = format!("this build has {}", backends().join(", "));
    wkv7_core::Error::Unavailable { backend: choice.to_string(), why }
}
