//! The backend of graphics cards on a software adapter, named as every software adapter must be.

use wkv7_core::Backend;
use wkv7_testkit::Tolerance;
use wkv7_wgpu::{Choice, Features, Settings, Shape, Wgpu, devices};

use crate::{CHUNKS, Contender};

/// Block types that kernels do not read, rounded to F16, on golden data and fixtures: 5.9e-4 measured at the worst token.
const BLOCKS_AS_F16: Tolerance = Tolerance { cause: "blocks rounded to F16", relative: 1e-3, largest: 2e-3 };

/// A software adapter; `None` where there is none, which is said, and a failure where `CI=true`.
fn software() -> Option<usize> {
    let found = devices().into_iter().find(|device| device.kind == "software");
    wkv7_testkit::software_adapter(found).map(|device| device.index)
}

/// The backend on a software adapter, as `contenders` say where there is none.
#[must_use]
pub fn software_adapter() -> Option<Wgpu> {
    let mut settings = Settings::default();
    settings.adapter = Choice::Index(software()?);
    Some(Wgpu::with(settings))
}

/// The backend with all optional features, with none, and with the kernels that cards get, in few chunks: a forward
/// of one token costs it as much as one of sixteen, and the suite of all backends has them all. Nothing where there is no
/// software adapter.
pub(crate) fn contenders() -> Vec<Contender> {
    let Some(index) = software() else { return Vec::new() };
    let contender = |name, features, shape, chunks| {
        let mut settings = Settings::default();
        settings.adapter = Choice::Index(index);
        (settings.features, settings.shape) = (Some(features), shape);
        let backend: Box<dyn Backend> = Box::new(Wgpu::with(settings));
        let approximated = vec![(&Wgpu::APPROXIMATED[..], BLOCKS_AS_F16)];
        Contender { name, backend, exact: false, chunks, approximated }
    };
    vec![
        contender("wgpu", Features::ALL, None, &CHUNKS[2..]),
        contender("wgpu, no features", Features::NONE, None, &CHUNKS[3..]),
        contender("wgpu, as on cards", Features::ALL, Some(Shape::Wide), &CHUNKS[3..]),
    ]
}
