//! What a device can do at best: reading memory and multiplying, each by a kernel that does nothing else.

use std::time::{Duration, Instant};

use wgpu::{BindGroup, BufferUsages, CommandEncoderDescriptor, ComputePassDescriptor};
use wkv7_core::{DeviceCeiling, Error};

use crate::gpu::Gpu;
use crate::pipeline::Kernel;

/// Bytes that are read, where the device lets a kernel see so many: several times the last cache of graphics cards.
const READ_BYTES: u64 = 512 << 20;
/// Fours of words that a lane reads, and chains of multiplications that it has.
pub(crate) const COUNT: u32 = 8;
/// Steps of a chain.
pub(crate) const ROUNDS: u32 = 256;
/// Workgroups that multiply: many times what runs at once anywhere.
const MULTIPLIERS: u32 = 8192;
/// Tries of each, of which the best counts.
const TRIES: u32 = 3;

/// Measures for about `time`.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn measure(gpu: &Gpu, time: Duration) -> Result<DeviceCeiling, Error> {
    let width = u64::from(gpu.shape.ceiling_width());
    let piece = width * u64::from(COUNT) * 16; // bytes of a workgroup
    let fit =
        |bytes: u64| (bytes.min(gpu.binding_limit).min(gpu.buffer_limit) / piece).clamp(1, 65_535) as u32;
    // A model may have left little.
    let made = |bytes| {
        let groups = fit(bytes);
        gpu.scoped(|| Ok((groups, bindings(gpu, u64::from(groups) * piece))))
    };
    let (groups, bindings) =
        made(READ_BYTES).or_else(|_| made(READ_BYTES / 8)).or_else(|_| made(READ_BYTES / 64))?;
    let each = time / (2 * TRIES);
    let read = rate(gpu, &bindings, Kernel::CeilingRead, groups, each)?;
    let multiply = rate(gpu, &bindings, Kernel::CeilingMultiply, MULTIPLIERS, each)?;
    Ok(DeviceCeiling {
        name: gpu.facts.name.clone(),
        read_bytes_per_second: read * u64::from(groups) as f64 * piece as f64,
        fma_flops: multiply * f64::from(MULTIPLIERS) * (width * u64::from(COUNT * ROUNDS) * 4 * 2) as f64,
    })
}

fn bindings(gpu: &Gpu, bytes: u64) -> BindGroup {
    let make = |bytes, usage| gpu.buffer("ceiling", bytes, usage, false);
    let params = make(crate::plan::PARAMS_BYTES as u64, BufferUsages::UNIFORM);
    let large = make(bytes, BufferUsages::STORAGE);
    let small = [(); 5].map(|()| make(16, BufferUsages::STORAGE));
    let [act, vectors, state, steps, results] = &small;
    gpu.bind(params.as_entire_buffer_binding(), [act, &large, vectors, state, steps, results])
}

/// How often a second the device gets through a dispatch of `groups` workgroups of `kernel`: the best of tries, each of
/// as many dispatches as take `time`.
fn rate(gpu: &Gpu, bindings: &BindGroup, kernel: Kernel, groups: u32, time: Duration) -> Result<f64, Error> {
    let pipeline = gpu.pipelines.get(gpu, kernel)?;
    let run = |count: u32| {
        gpu.scoped(|| {
            let mut encoder =
                gpu.device.create_command_encoder(&CommandEncoderDescriptor { label: Some("ceiling") });
            {
                let mut pass = encoder
                    .begin_compute_pass(&ComputePassDescriptor { label: None, timestamp_writes: None });
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, bindings, &[]);
                (0..count).for_each(|_| pass.dispatch_workgroups(groups, 1, 1));
            }
            let commands = encoder.finish();
            let start = Instant::now();
            gpu.queue.submit([commands]);
            gpu.wait()?;
            Ok(start.elapsed())
        })
    };
    let mut count = 1;
    while run(count)? < time / 2 && count < 4096 {
        count *= 2;
    }
    let mut best: f64 = 0.0;
    for _ in 0..TRIES {
        best = best.max(f64::from(count) / run(count)?.as_secs_f64());
    }
    Ok(best)
}
