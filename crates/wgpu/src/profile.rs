//! Where a device's time goes: timestamps between the dispatches of passes, summed up by kernel. They keep dispatches
//! from overlapping, so that passes take longer than without. For one model at a time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use wgpu::{Buffer, BufferDescriptor, BufferUsages, CommandEncoder, ComputePass, Device, MapMode, QuerySet};
use wkv7_core::Error;

use crate::gpu::{Gpu, failed};

/// What timestamps within a pass need.
pub(crate) const FEATURES: wgpu::Features =
    wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
/// Timestamps of a pass at most; dispatches beyond are not timed.
const MOST: u32 = wgpu::QUERY_SET_MAX_QUERIES;

/// What the dispatches of one kernel took.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Spent {
    /// Dispatches.
    pub count: u64,
    /// Seconds of all of them.
    pub seconds: f64,
}

/// Timestamps of one pass and the sums of all.
pub(crate) struct Profile {
    queries: QuerySet,
    inside: Buffer,
    outside: Buffer,
    nanoseconds: f64, // of a tick
    spent: Mutex<BTreeMap<String, Spent>>,
}

impl Profile {
    pub(crate) fn new(device: &Device, nanoseconds: f32) -> Self {
        let size = u64::from(MOST) * 8;
        let make = |usage| {
            device.create_buffer(&BufferDescriptor {
                label: Some("timestamps"),
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        Self {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: MOST,
            }),
            inside: make(BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC),
            outside: make(BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            nanoseconds: f64::from(nanoseconds),
            spent: Mutex::default(),
        }
    }

    /// Notes the time after so many dispatches of a pass.
    pub(crate) fn stamp(&self, pass: &mut ComputePass<'_>, done: usize) {
        if done < MOST as usize {
            pass.write_timestamp(&self.queries, done as u32);
        }
    }

    /// Copies the times of a pass of so many dispatches out.
    pub(crate) fn leave(&self, encoder: &mut CommandEncoder, dispatches: usize) {
        let count = (dispatches + 1).min(MOST as usize) as u32;
        encoder.resolve_query_set(&self.queries, 0..count, &self.inside, 0);
        encoder.copy_buffer_to_buffer(&self.inside, 0, &self.outside, 0, 8 * u64::from(count));
    }

    /// Adds up what the pass that has just been done took.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn add(&self, gpu: &Gpu, kernels: &[String]) -> Result<(), Error> {
        let end = 8 * (kernels.len() + 1).min(MOST as usize) as u64;
        self.outside.map_async(MapMode::Read, 0..end, |_| {});
        gpu.wait()?;
        let view = self.outside.get_mapped_range(0..end).map_err(|error| failed(error.to_string()))?;
        let times: Vec<u64> =
            view.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        drop(view);
        self.outside.unmap();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        for (pair, kernel) in times.windows(2).zip(kernels) {
            let spent = spent.entry(kernel.clone()).or_default();
            spent.count += 1;
            spent.seconds += pair[1].saturating_sub(pair[0]) as f64 * self.nanoseconds * 1e-9;
        }
        Ok(())
    }

    /// The sums since they were last taken.
    pub(crate) fn take(&self) -> BTreeMap<String, Spent> {
        std::mem::take(&mut self.spent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
