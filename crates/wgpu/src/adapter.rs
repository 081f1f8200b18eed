//! The adapters of this machine.

use wgpu::{Adapter, DeviceType, Instance, InstanceDescriptor, MemoryBudgetThresholds};
use wkv7_core::Error;

use crate::{BACKEND, Choice, Features, memory};

/// Share of what the system says is free that buffers may take before their creation fails: beyond it, drivers stall.
const MEMORY_PERCENT: u8 = 97;

/// What is known of an adapter before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceFacts {
    /// Its place among the adapters, for [`Choice::Index`].
    pub index: usize,
    /// Its name, as the driver says it.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// The interface it is reached through: `vulkan`, `metal`, `dx12`.
    pub api: String,
    /// The driver and its version.
    pub driver: String,
    /// Bytes of its memory; `None` where its interface is not asked, which is everywhere but over Vulkan.
    pub memory: Option<u64>,
    /// The largest buffer that it gives, in bytes.
    pub largest_buffer: u64,
    /// Bytes of a buffer that a kernel sees.
    pub largest_binding: u64,
    /// The optional features that would be used.
    pub features: Vec<&'static str>,
}

impl DeviceFacts {
    fn of(index: usize, adapter: &Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let features = Features::USUAL.of(adapter, info.device_type == DeviceType::Cpu);
        Self {
            index,
            kind: kind(info.device_type),
            api: info.backend.to_string(),
            driver: [info.driver, info.driver_info].join(" ").trim().to_owned(),
            name: info.name,
            memory: memory::bytes(adapter),
            largest_buffer: limits.max_buffer_size,
            largest_binding: limits.max_storage_buffer_binding_size,
            features: features.names(),
        }
    }

    /// One line: name, interface, driver.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} ({}, {})", self.name, self.api, self.driver)
    }
}

fn kind(device_type: DeviceType) -> &'static str {
    match device_type {
        DeviceType::DiscreteGpu => "discrete",
        DeviceType::IntegratedGpu => "integrated",
        DeviceType::VirtualGpu => "virtual",
        DeviceType::Cpu => "software",
        DeviceType::Other => "other",
    }
}

/// The adapters of this machine, in the order that [`Choice::Index`] counts. None where there is no driver.
#[must_use]
pub fn devices() -> Vec<DeviceFacts> {
    all(&instance()).into_iter().map(|(_, facts)| facts).collect()
}

pub(crate) fn instance() -> Instance {
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    // The driver's own checks are wished for by wgpu's own variables (`WGPU_VALIDATION=1`), not by a debug build.
    descriptor.flags = wgpu::InstanceFlags::empty().with_env();
    descriptor.memory_budget_thresholds =
        MemoryBudgetThresholds { for_resource_creation: Some(MEMORY_PERCENT), for_device_loss: None };
    Instance::new(descriptor)
}

fn all(instance: &Instance) -> Vec<(Adapter, DeviceFacts)> {
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let with_facts = |(index, adapter)| {
        let facts = DeviceFacts::of(index, &adapter);
        (adapter, facts)
    };
    adapters.into_iter().enumerate().map(with_facts).collect()
}

/// The adapter that `choice` means, and its facts.
///
/// # Errors
/// [`Error::Unavailable`] with the adapters there are.
pub(crate) fn choose(instance: &Instance, choice: &Choice) -> Result<(Adapter, DeviceFacts), Error> {
    let mut adapters = all(instance);
    let facts = || adapters.iter().map(|(_, facts)| facts);
    let chosen = match choice {
        Choice::Best => {
            let rank = |facts: &&DeviceFacts| {
                ["discrete", "integrated", "virtual", "other"].iter().position(|kind| *kind == facts.kind)
            };
            facts().filter(|facts| rank(facts).is_some()).min_by_key(rank)
        }
        Choice::Index(index) => facts().nth(*index),
        Choice::Name(name) => {
            let name = name.to_lowercase();
            facts().find(|facts| facts.name.to_lowercase().contains(&name))
        }
    };
    match chosen.map(|facts| facts.index) {
        Some(index) => Ok(adapters.swap_remove(index)),
        None => Err(Error::Unavailable { backend: BACKEND.to_owned(), why: missing(choice, &adapters) }),
    }
}

fn missing(choice: &Choice, adapters: &[(Adapter, DeviceFacts)]) -> String {
    if adapters.is_empty() {
        return "no driver of a graphics card was found (Vulkan, Metal or DirectX 12); install one, or use the cpu backend".to_owned();
    }
    let facts = adapters.iter().map(|(_, facts)| facts);
    let list: Vec<_> =
        facts.map(|facts| format!("{}: {} ({})", facts.index, facts.name, facts.kind)).collect();
    let list = list.join("; ");
    match choice {
        Choice::Best => {
            format!("there are only software adapters, which are used where they are named ({list})")
        }
        Choice::Index(index) => format!("there is no adapter {index}; there are {list}"),
        Choice::Name(name) => format!("no adapter has `{name}` in its name; there are {list}"),
    }
}
