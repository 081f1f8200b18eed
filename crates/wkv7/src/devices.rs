//! The graphics cards of this machine.

use serde::Serialize;

/// A graphics card, or a software adapter that acts as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Device {
    /// Its place in the list: `wgpu:INDEX` names it.
    pub index: usize,
    /// Its name, as the driver says it; `wgpu:NAME` names it by any part.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// The interface it is reached through: `vulkan`, `metal`, `dx12`.
    pub api: String,
    /// The driver and its version.
    pub driver: String,
    /// Bytes of its memory; `None` where its interface does not tell.
    pub memory: Option<u64>,
    /// Bytes of the largest buffer it gives.
    pub largest_buffer: u64,
    /// Bytes of a buffer that a kernel sees; larger matrices are split.
    pub largest_binding: u64,
    /// The optional features that are used.
    pub features: Vec<&'static str>,
}

/// The graphics cards of this machine, software adapters among them; empty where there is no driver, `None` where this
/// build has no backend for them.
#[cfg(feature = "wgpu")]
#[must_use]
pub fn devices() -> Option<Vec<Device>> {
    let devices = wkv7_wgpu::devices().into_iter().map(|facts| Device {
        index: facts.index,
        name: facts.name,
        kind: facts.kind,
        api: facts.api,
        driver: facts.driver,
        memory: facts.memory,
        largest_buffer: facts.largest_buffer,
        largest_binding: facts.largest_binding,
        features: facts.features,
    });
    Some(devices.collect())
}

/// `None`: this build has no backend for graphics cards.
#[cfg(not(feature = "wgpu"))]
#[must_use]
pub fn devices() -> Option<Vec<Device>> {
    None
}
