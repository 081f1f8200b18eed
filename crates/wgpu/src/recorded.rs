//! The command buffer of a pass. It depends on how much of everything the pass has and on nothing else, so that the next
//! one can be recorded while the device works on the last: recording takes about as long as a small model's token.

use std::sync::atomic::Ordering;

use wgpu::{CommandBuffer, CommandEncoderDescriptor, ComputePassDescriptor};

use crate::gpu::Gpu;
use crate::scratch::Scratch;
use crate::steps::Extent;
use crate::weights::Loaded;

/// A pass, ready to be submitted once.
pub(crate) struct Recorded {
    pub(crate) extent: Extent,
    commands: CommandBuffer,
    kernels: Vec<String>, // of the dispatches, where they are timed
    dispatches: u64,
    parts: [usize; 3],
}

impl Recorded {
    /// A pass of this extent: the way in, the dispatches, the way out.
    pub(crate) fn new(gpu: &Gpu, loaded: &Loaded, scratch: &Scratch, extent: Extent) -> Self {
        let mut encoder =
            gpu.device.create_command_encoder(&CommandEncoderDescriptor { label: Some("forward") });
        scratch.bring(&mut encoder, extent.tokens);
        let mut dispatches = 0;
        let mut kernels = Vec::new();
        {
            let mut pass =
                encoder.begin_compute_pass(&ComputePassDescriptor { label: None, timestamp_writes: None });
            if let Some(profile) = &gpu.profile {
                profile.stamp(&mut pass, 0);
            }
            for dispatch in &loaded.dispatches {
                let Some((pipeline, [x, y])) = dispatch.of(&extent) else { continue };
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &dispatch.bindings, &[]);
                pass.dispatch_workgroups(x, y, 1);
                dispatches += 1;
                if let Some(profile) = &gpu.profile {
                    kernels.push(dispatch.name(&extent));
                    profile.stamp(&mut pass, kernels.len());
                }
            }
        }
        let parts = scratch.leave(&mut encoder, &extent);
        if let Some(profile) = &gpu.profile {
            profile.leave(&mut encoder, kernels.len());
        }
        Self { extent, commands: encoder.finish(), kernels, dispatches, parts }
    }

    /// Hands it to the device. Returns how many numbers of each kind it copies out, and the kernels where they are timed.
    pub(crate) fn submit(self, gpu: &Gpu) -> ([usize; 3], Vec<String>) {
        gpu.queue.submit([self.commands]);
        gpu.counters.command_buffers.fetch_add(1, Ordering::Relaxed);
        gpu.counters.dispatches.fetch_add(self.dispatches, Ordering::Relaxed);
        gpu.counters.bytes_read.fetch_add(4 * self.parts.iter().sum::<usize>() as u64, Ordering::Relaxed);
        (self.parts, self.kernels)
    }
}
