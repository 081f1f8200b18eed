//! An opened device: buffers, errors, counts of what was made.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferDescriptor,
    BufferUsages, Device, ErrorFilter, Queue,
};
use wkv7_core::Error;

use crate::adapter::{self, DeviceFacts};
use crate::pipeline::Pipelines;
use crate::profile::{self, Profile};
use crate::settings::{COOPERATIVE, Ways};
use crate::{BACKEND, Features, Settings, Shape};

/// What a device was asked for since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Buffers made.
    pub buffers: u64,
    /// Pipelines compiled.
    pub pipelines: u64,
    /// Command buffers submitted by forwards.
    pub command_buffers: u64,
    /// Dispatches in them.
    pub dispatches: u64,
    /// Bytes that they copied out for the host.
    pub bytes_read: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) buffers: AtomicU64,
    pub(crate) pipelines: AtomicU64,
    pub(crate) command_buffers: AtomicU64,
    pub(crate) dispatches: AtomicU64,
    pub(crate) bytes_read: AtomicU64,
}

/// An opened device.
pub(crate) struct Gpu {
    pub(crate) facts: DeviceFacts,
    pub(crate) features: Features,
    pub(crate) shape: Shape,
    pub(crate) device: Device,
    pub(crate) queue: Queue,
    pub(crate) counters: Counters,
    pub(crate) pipelines: Pipelines,
    /// Bytes that a kernel may see of one buffer.
    pub(crate) binding_limit: u64,
    /// Bytes of one buffer.
    pub(crate) buffer_limit: u64,
    faults: Arc<Faults>,
    /// Where dispatches are timed.
    pub(crate) profile: Option<Profile>,
    subgroup_sizes: [u32; 2], // least, most
    workgroup_bytes: u32,
}

/// What the device said on its own account.
#[derive(Debug, Default)]
struct Faults {
    is_lost: AtomicBool,
    said: Mutex<Option<String>>,
}

impl Faults {
    fn say(&self, what: String) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }
}

pub(crate) fn failed(what: impl Into<String>) -> Error {
    Error::Device { backend: BACKEND, what: what.into() }
}

impl Gpu {
    /// Opens the adapter that `settings` mean.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(crate) fn open(settings: &Settings) -> Result<Self, Error> {
        let wanted = settings.features.map_or_else(Features::from_environment, Ok)?;
        let (adapter, facts) = adapter::choose(&adapter::instance(), &settings.adapter)?;
        let is_software = facts.kind == "software";
        let shape = settings.shape.unwrap_or(if is_software { Shape::Narrow } else { Shape::Wide });
        let mut features = wanted.of(&adapter, is_software);
        features.int64 &= shape == Shape::Narrow;
        features.cooperative &= shape == Shape::Wide;
        let mut limits = adapter.limits();
        if let Some(limit) = settings.binding_limit {
            limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(limit);
        }
        let mut required_features = wgpu::Features::empty();
        required_features.set(wgpu::Features::SUBGROUP, features.subgroups);
        required_features.set(wgpu::Features::SHADER_INT64, features.int64);
        let mut experimental_features = wgpu::ExperimentalFeatures::disabled();
        if features.cooperative {
            required_features |= COOPERATIVE;
            // SAFETY: what is experimental is used by one kernel alone, as the properties of the adapter allow it.
            experimental_features = unsafe { wgpu::ExperimentalFeatures::enabled() };
        }
        let is_timed = settings.profile && adapter.features().contains(profile::FEATURES);
        required_features.set(profile::FEATURES, is_timed);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some(BACKEND),
            required_features,
            required_limits: limits.clone(),
            experimental_features,
            ..wgpu::DeviceDescriptor::default()
        };
        let opened = pollster::block_on(adapter.request_device(&descriptor));
        let (device, queue) = opened.map_err(|error| Error::Unavailable {
            backend: BACKEND.to_owned(),
            why: format!("{} did not open: {error}", facts.name),
        })?;
        let faults = Arc::new(Faults::default());
        let heard = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| heard.say(error.to_string())));
        let heard = Arc::clone(&faults);
        device.set_device_lost_callback(move |reason, message| {
            heard.is_lost.store(true, Ordering::Release);
            heard.say(format!("the device was lost ({reason:?}): {message}"));
        });
        let pipelines = Pipelines::new(&device);
        let info = adapter.get_info();
        let profile = is_timed.then(|| Profile::new(&device, queue.get_timestamp_period()));
        Ok(Self {
            shape,
            facts,
            features,
            device,
            queue,
            counters: Counters::default(),
            pipelines,
            binding_limit: limits.max_storage_buffer_binding_size,
            buffer_limit: limits.max_buffer_size,
            faults,
            profile,
            subgroup_sizes: [info.subgroup_min_size, info.subgroup_max_size],
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
        })
    }

    /// What the text of its kernels follows from.
    pub(crate) fn ways(&self) -> Ways {
        Ways { features: self.features, shape: self.shape, writes_parts: self.facts.api != "metal" }
    }

    /// Whether lanes of subgroups can share the rows of a head of this size, as `wkv_tokens.wgsl` wants it.
    pub(crate) fn shares_rows(&self, head_size: u32) -> bool {
        self.features.subgroups
            && self.shape == Shape::Wide
            && shares_rows(head_size, self.subgroup_sizes, self.workgroup_bytes)
    }

    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            buffers: read(&self.counters.buffers),
            pipelines: read(&self.counters.pipelines),
            command_buffers: read(&self.counters.command_buffers),
            dispatches: read(&self.counters.dispatches),
            bytes_read: read(&self.counters.bytes_read),
        }
    }

    /// Whether the device is gone for good.
    pub(crate) fn is_lost(&self) -> bool {
        self.faults.is_lost.load(Ordering::Acquire)
    }

    /// A buffer of zeros. Errors go to the scope around it.
    pub(crate) fn buffer(&self, label: &str, size: u64, usage: BufferUsages, mapped: bool) -> Buffer {
        self.counters.buffers.fetch_add(1, Ordering::Relaxed);
        let size = size.next_multiple_of(16).max(16);
        self.device.create_buffer(&BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: mapped,
        })
    }

    /// What a kernel is given: its parameters, then activations, weights, vectors, state, steps, results. Errors go to the
    /// scope around it.
    pub(crate) fn bind(&self, params: BufferBinding<'_>, storage: [&Buffer; 6]) -> BindGroup {
        let mut entries = vec![BindGroupEntry { binding: 0, resource: BindingResource::Buffer(params) }];
        entries.extend(
            (1..)
                .zip(storage)
                .map(|(binding, buffer)| BindGroupEntry { binding, resource: buffer.as_entire_binding() }),
        );
        self.device.create_bind_group(&BindGroupDescriptor {
            label: None,
            layout: &self.pipelines.bindings,
            entries: &entries,
        })
    }

    /// Does `work` and turns whatever the device has against it into an error.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Device`].
    pub(crate) fn scoped<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.alive()?;
        let validation = self.device.push_error_scope(ErrorFilter::Validation);
        let internal = self.device.push_error_scope(ErrorFilter::Internal);
        let memory = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let done = work();
        let memory = pollster::block_on(memory.pop());
        let internal = pollster::block_on(internal.pop());
        let validation = pollster::block_on(validation.pop());
        self.alive()?;
        if memory.is_some() {
            return Err(failed(
                "out of device memory; load with fewer slots, fewer tokens per forward, or a smaller model",
            ));
        }
        if let Some(error) = internal.or(validation) {
            return Err(failed(error.to_string()));
        }
        done
    }

    /// # Errors
    /// [`Error::Device`] where the device said something unasked.
    fn alive(&self) -> Result<(), Error> {
        let mut said = self.faults.said.lock().unwrap_or_else(PoisonError::into_inner);
        let what = if self.is_lost() { said.clone() } else { said.take() };
        match what {
            Some(what) => Err(failed(what)),
            None => Ok(()),
        }
    }

    /// Waits until everything submitted is done.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn wait(&self) -> Result<(), Error> {
        let waited = self.device.poll(wgpu::PollType::wait_indefinitely());
        waited.map(|_| ()).map_err(|error| failed(error.to_string()))
    }
}

/// Whether subgroups of `least` to `most` lanes, and so many bytes of workgroup memory, do for heads of this size: those
/// that share a token are a power of two and of one subgroup, and all subgroups are full.
fn shares_rows(head_size: u32, [least, most]: [u32; 2], workgroup_bytes: u32) -> bool {
    let lanes = 2 * head_size;
    head_size.is_power_of_two()
        && head_size >= 16
        && head_size / 4 <= least
        && lanes.is_multiple_of(most)
        && lanes <= 256
        && 7 * 8 * 4 * head_size <= workgroup_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Choice;

    #[test]
    fn rows_are_shared_by_lanes_of_one_subgroup_only() {
        let shares = |head_size, sizes| shares_rows(head_size, sizes, 32 << 10);
        let on_cards: Vec<u32> = (1..=256).filter(|&head_size| shares(head_size, [32, 32])).collect();
        assert_eq!(on_cards, [16, 32, 64, 128]);
        assert!(shares(64, [32, 64]) && !shares(16, [32, 64]) && !shares(64, [8, 32]));
        assert!(shares(32, [8, 8]) && !shares(64, [8, 8]));
        assert!(!shares_rows(64, [32, 32], 14_000));
    }

    #[test]
    fn what_the_device_has_against_a_call_is_an_error_and_it_goes_on() {
        let found = adapter::devices().into_iter().find(|device| device.kind == "software");
        let Some(device) = wkv7_testkit::software_adapter(found) else { return };
        let settings = Settings { adapter: Choice::Index(device.index), ..Settings::default() };
        let gpu = Gpu::open(&settings).expect("opens");
        // A buffer that may be mapped and bound at once is not allowed.
        let wrong = || Ok(gpu.buffer("wrong", 16, BufferUsages::MAP_READ | BufferUsages::STORAGE, false));
        let error = gpu.scoped(wrong).expect_err("not allowed").to_string();
        assert!(error.contains("`wgpu` failed") && error.contains("wrong"), "{error}");
        // Outside of a scope it is kept for the next call.
        wrong().expect("nobody asked yet");
        let error = gpu.scoped(|| Ok(())).expect_err("what was said meanwhile").to_string();
        assert!(error.contains("`wgpu` failed"), "{error}");
        let right = || Ok(gpu.buffer("right", 16, BufferUsages::STORAGE, false));
        assert_eq!(gpu.scoped(right).expect("allowed").size(), 16);
        // A kernel that does not compile.
        let source = wgpu::ShaderSource::Wgsl("@compute fn main() { nonsense }".into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: None, source };
        let error = gpu.scoped(|| Ok(gpu.device.create_shader_module(descriptor))).expect_err("no kernel");
        assert!(matches!(error, Error::Device { .. }), "{error}");
    }
}
