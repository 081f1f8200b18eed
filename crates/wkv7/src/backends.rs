//! The backends of this build.

use wkv7_core::{Backend, LoadOptions, Model, Reference, Weights};

use crate::{BackendChoice, Error};

/// Names of the backends of this build, fastest first.
#[must_use]
pub fn backends() -> Vec<&'static str> {
    all("").iter().map(|backend| backend.name()).collect()
}

/// Fastest first; the last is the reference. `device` says which graphics card, nothing the best.
fn all(device: &str) -> Vec<Box<dyn Backend>> {
    let mut all = gpu(device);
    all.push(Box::new(wkv7_cpu::Cpu::default()));
    all.push(Box::new(Reference));
    all
}

/// The backend of graphics cards, where this build has it.
#[cfg(feature = "wgpu")]
fn gpu(device: &str) -> Vec<Box<dyn Backend>> {
    let mut settings = wkv7_wgpu::Settings::default();
    settings.adapter = match device.parse() {
        Ok(choice) => choice,
    };
    vec![Box::new(wkv7_wgpu::Wgpu::with(settings))]
}

/// The backend of graphics cards, which this build does not have.
#[cfg(not(feature = "wgpu"))]
fn gpu(_device: &str) -> Vec<Box<dyn Backend>> {
    Vec::new()
}

/// Loads `weights` on the chosen backend; the automatic choice is the first that is available, but never the
/// reference, which nobody wants by accident.
pub(crate) fn load(
    choice: &BackendChoice,
    weights: &Weights,
    options: &LoadOptions,
) -> Result<Box<dyn Model>, Error> {
    let mut failure = None;
    let (wanted, device) = match choice {
        BackendChoice::Auto => ("", ""),
        BackendChoice::Named(name) => name.split_once(':').unwrap_or((name, "")),
    };
    if !device.is_empty() && wanted != "wgpu" {
        let why = format!("a device, here `{device}`, is only named for wgpu");
        return Err(wkv7_core::Error::Unavailable { backend: wanted.to_owned(), why }.into());
    }
    for backend in all(device) {
        match choice {
            BackendChoice::Named(_) if wanted != backend.name() => continue,
            BackendChoice::Named(_) => return Ok(backend.load(weights, options)?),
            BackendChoice::Auto if backend.name() == Reference.name() => {}
            BackendChoice::Auto => match backend.load(weights, options) {
                Ok(model) => return Ok(model),
                // The last is told: why there is no graphics card matters less than why the cpu does not do either.
                Err(
                    error @ (wkv7_core::Error::Unavailable { .. } | wkv7_core::Error::Unsupported { .. }),
                ) => failure = Some(error),
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
