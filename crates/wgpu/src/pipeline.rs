//! Kernels: their text, put together from files and constants, and the pipelines compiled from it, each once.
//!
//! The whole preprocessor: constants chosen by the host come first as `const NAME: u32 = value;`, then the files that
//! the kernel needs, one after the other, with the lines between `//for x in NAME` and `//end` written out for every `{x}`
//! below the constant. The first word of a file says what it provides.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBindingType,
    ComputePipeline, ComputePipelineDescriptor, Device, PipelineLayout, PipelineLayoutDescriptor,
    ShaderModuleDescriptor, ShaderRuntimeChecks, ShaderSource, ShaderStages,
};
use wkv7_core::Error;

use crate::element::Element;
use crate::gpu::Gpu;
use crate::settings::Ways;
use crate::top::LISTS;
use crate::{Shape, ceiling};

/// Lanes of the kernels that share a row's channels.
const NORM_WIDTH: u32 = 128;
/// Rows, and tokens, of a workgroup in a product of many tokens.
pub(crate) const TILE: u32 = 64;
/// Tokens that a workgroup of a product takes at once where there are several but few.
pub(crate) const FEW: u32 = 4;
/// The same where there are many and no tiles.
pub(crate) const MANY: u32 = 8;
/// Matrices of one product.
pub(crate) const SEGMENTS: usize = 8;

/// A kernel and what specialises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kernel {
    /// Layer norm of rows.
    Norm,
    /// Layer norm and token shift into so many mixes.
    NormShift(u32),
    /// Products of so many tokens at once, by rows.
    Rows(Element, u32),
    /// Products of many tokens, by tiles.
    Tile(Element),
    /// The same by cooperative matrices of f16.
    Cooperative(Element),
    /// The recurrent memory of heads of this size.
    Wkv(u32),
    /// The same, where there are many tokens.
    WkvTokens(u32),
    /// Reads, and nothing else.
    CeilingRead,
    /// Multiplies, and nothing else.
    CeilingMultiply,
    /// The largest logits of a list.
    TopOfList,
    /// The largest logits of a row, of those of its lists.
    TopOfRow,
}

const BINDINGS: &str = include_str!("shaders/bindings.wgsl");
const SUM: [&str; 2] = [include_str!("shaders/sum_tree.wgsl"), include_str!("shaders/sum_subgroup.wgsl")];
const GATHER: [&str; 2] =
    [include_str!("shaders/gather_tree.wgsl"), include_str!("shaders/gather_subgroup.wgsl")];
const ACT: &str = include_str!("shaders/act_1.wgsl");
const ACT_BY_FOUR: &str = include_str!("shaders/act_4.wgsl");
const WKV_PARAMS: &str = include_str!("shaders/wkv_params.wgsl");
const SCALING: &str = include_str!("shaders/scaling.wgsl");
const SEGMENT: &str = include_str!("shaders/segment.wgsl");
const ORDER: &str = include_str!("shaders/order.wgsl");
const EIGHT: &str = include_str!("shaders/eight.wgsl");

impl Kernel {
    fn constants(self, shape: Shape) -> Vec<(&'static str, u32)> {
        let product = [("STRIP", shape.strip()), ("TILE", TILE), ("SEGMENTS", SEGMENTS as u32)];
        match self {
            Self::Norm => vec![("WIDTH", NORM_WIDTH)],
            Self::NormShift(mixes) => vec![("WIDTH", NORM_WIDTH), ("MIXES", mixes)],
            Self::Rows(_, tokens) => [&product[..], &[("WIDTH", shape.width()), ("TOKENS", tokens)]].concat(),
            Self::Tile(_) => product.to_vec(),
            Self::Cooperative(_) => [&product[..], &[("BROUGHT", 4), ("TWO", 2)]].concat(),
            Self::Wkv(head_size) => vec![("HEAD_SIZE", head_size)],
            Self::WkvTokens(head_size) => {
                vec![("HEAD_SIZE", head_size), ("COLUMNS", head_size / 16), ("FOUR", 4)]
            }
            Self::CeilingRead | Self::CeilingMultiply => {
                vec![("WIDTH", shape.ceiling_width()), ("COUNT", ceiling::COUNT), ("ROUNDS", ceiling::ROUNDS)]
            }
            Self::TopOfList => vec![("WIDTH", shape.width()), ("LISTS", LISTS as u32)],
            Self::TopOfRow => vec![("WIDTH", LISTS as u32), ("LISTS", LISTS as u32)],
        }
    }

    fn files(self, ways: Ways) -> Vec<&'static str> {
        let Ways { features, shape, writes_parts } = ways;
        let sum = SUM[usize::from(features.subgroups)];
        let product_act = if shape == Shape::Wide && writes_parts { ACT_BY_FOUR } else { ACT };
        let product = |element: Element| {
            [&[BINDINGS, product_act, SEGMENT, EIGHT], &*element.files(features, shape)].concat()
        };
        match self {
            Self::Norm => vec![BINDINGS, ACT, sum, SCALING, include_str!("shaders/norm.wgsl")],
            Self::NormShift(_) => vec![BINDINGS, ACT, sum, SCALING, include_str!("shaders/norm_shift.wgsl")],
            Self::Rows(element, _) => {
                let gather = GATHER[usize::from(features.subgroups)];
                let rows = include_str!("shaders/matmul_rows.wgsl");
                [&*product(element), &[sum, gather, rows]].concat()
            }
            Self::Tile(element) => [&*product(element), &[include_str!("shaders/matmul_tile.wgsl")]].concat(),
            Self::Cooperative(element) => {
                [&*product(element), &[include_str!("shaders/matmul_cooperative.wgsl")]].concat()
            }
            Self::Wkv(_) => vec![BINDINGS, ACT, WKV_PARAMS, include_str!("shaders/wkv.wgsl")],
            Self::WkvTokens(_) => {
                vec![BINDINGS, ACT_BY_FOUR, WKV_PARAMS, include_str!("shaders/wkv_tokens.wgsl")]
            }
            Self::CeilingRead => {
                let words = Element::F32.files(features, shape); // and what unpacks them, unused
                [&[BINDINGS, product_act, EIGHT], &*words, &[include_str!("shaders/ceiling_read.wgsl")]]
                    .concat()
            }
            Self::CeilingMultiply => vec![BINDINGS, include_str!("shaders/ceiling_multiply.wgsl")],
            Self::TopOfList => vec![BINDINGS, sum, ORDER, include_str!("shaders/top_of_list.wgsl")],
            Self::TopOfRow => vec![BINDINGS, sum, ORDER, include_str!("shaders/top_of_row.wgsl")],
        }
    }

    fn text(self, ways: Ways) -> String {
        let constants = self.constants(ways.shape);
        let mut text = String::new();
        if matches!(self, Self::Cooperative(_)) {
            text += "enable f16;\nenable wgpu_cooperative_matrix;\n";
        }
        text.extend(constants.iter().map(|(name, value)| format!("const {name}: u32 = {value}u;\n")));
        for file in self.files(ways) {
            text += &written_out(&file.lines().collect::<Vec<_>>(), &constants);
        }
        text
    }
}

/// `lines` with the loops among them written out.
fn written_out(mut lines: &[&str], constants: &[(&str, u32)]) -> String {
    let mut out = String::new();
    while let Some((line, rest)) = lines.split_first() {
        lines = rest;
        let Some((name, constant)) =
            line.trim().strip_prefix("//for ").and_then(|loop_| loop_.split_once(" in "))
        else {
            out = out + line + "\n";
            continue;
        };
        let mut depth = 1;
        let ends = |line: &&str| {
            depth += usize::from(line.trim().starts_with("//for "));
            depth -= usize::from(line.trim() == "//end");
            depth == 0
        };
        let end = lines.iter().position(ends).unwrap_or(lines.len());
        let body = written_out(&lines[..end], constants);
        lines = lines.get(end + 1..).unwrap_or_default();
        let count = constants.iter().find(|(known, _)| *known == constant).map_or(0, |(_, value)| *value);
        for n in 0..count {
            out += &body.replace(&format!("{{{name}}}"), &n.to_string());
        }
    }
    out
}

/// The pipelines of a device.
pub(crate) struct Pipelines {
    pub(crate) bindings: BindGroupLayout,
    layout: PipelineLayout,
    made: Mutex<HashMap<Kernel, Arc<ComputePipeline>>>,
}

impl Pipelines {
    pub(crate) fn new(device: &Device) -> Self {
        let storage = |read_only| BufferBindingType::Storage { read_only };
        let types = [
            BufferBindingType::Uniform,
            storage(false), // act
            storage(true),  // weights
            storage(true),  // vectors
            storage(false), // state
            storage(true),  // steps
            storage(false), // results
        ];
        let entries: Vec<_> = (0..)
            .zip(types)
            .map(|(binding, ty)| BindGroupLayoutEntry {
                binding,
                visibility: ShaderStages::COMPUTE,
                ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                count: None,
            })
            .collect();
        let bindings = device.create_bind_group_layout(&BindGroupLayoutDescriptor {
            label: Some("all kernels"),
            entries: &entries,
        });
        let layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: Some("all kernels"),
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        Self { bindings, layout, made: Mutex::default() }
    }

    /// The pipeline of `kernel`, compiled where this is the first time.
    ///
    /// # Errors
    /// [`Error::Device`] with what the compiler says.
    pub(crate) fn get(&self, gpu: &Gpu, kernel: Kernel) -> Result<Arc<ComputePipeline>, Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = made.get(&kernel) {
            return Ok(Arc::clone(pipeline));
        }
        gpu.counters.pipelines.fetch_add(1, Ordering::Relaxed);
        let label = format!("{kernel:?}");
        let source = ShaderSource::Wgsl(kernel.text(gpu.ways()).into());
        // Indices come from the plan and the steps, all of which this crate forms and tests; what the compiler would put
        // around them costs more than the loads of a small product. Vulkan checks buffers itself where a driver can.
        let checks = ShaderRuntimeChecks::unchecked();
        let module = gpu.scoped(|| {
            let descriptor = ShaderModuleDescriptor { label: Some(&label), source };
            // SAFETY: kernels index buffers by offsets of `regions`, `steps` and `product`, which lie within them, with
            // rows and tokens clamped to those that there are; ids that kernels themselves left in `results` are looked
            // at before they are used; `wkv_tokens` keeps to its lanes whether or not subgroups are full, which
            // `shares_rows` makes sure of as far as an interface tells. Loops count to numbers of the same sources.
            Ok(unsafe { gpu.device.create_shader_module_trusted(descriptor, checks) })
        })?;
        let pipeline = gpu.scoped(|| {
            Ok(gpu.device.create_compute_pipeline(&ComputePipelineDescriptor {
                label: Some(&label),
                layout: Some(&self.layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: false, // nothing is stored that came from what was not written
                    ..wgpu::PipelineCompilationOptions::default()
                },
                cache: None,
            }))
        })?;
        let pipeline = Arc::new(pipeline);
        made.insert(kernel, Arc::clone(&pipeline));
        Ok(pipeline)
    }
}

#[cfg(test)]
mod tests {
    use wgpu::naga;

    use super::*;
    use crate::Features;

    /// Kernels of features that no software adapter has must not wait for a graphics card to be read for the first time.
    #[test]
    fn every_kernel_is_valid() {
        let elements = [
            Element::F32,
            Element::F16,
            Element::BF16,
            Element::Q8_0,
            Element::Q4_0,
            Element::Q4K,
            Element::Q5K,
            Element::Q6K,
        ];
        let products = elements.into_iter().flat_map(|element| {
            [
                Kernel::Rows(element, 1),
                Kernel::Rows(element, FEW),
                Kernel::Tile(element),
                Kernel::Cooperative(element),
            ]
        });
        let others = [
            Kernel::Norm,
            Kernel::NormShift(6),
            Kernel::Wkv(64),
            Kernel::WkvTokens(64),
            Kernel::WkvTokens(128),
            Kernel::CeilingRead,
            Kernel::CeilingMultiply,
            Kernel::TopOfList,
            Kernel::TopOfRow,
        ];
        for kernel in products.chain(others) {
            let ways = [
                Ways { features: Features::ALL, shape: Shape::Wide, writes_parts: true },
                Ways { features: Features::NONE, shape: Shape::Wide, writes_parts: false },
                Ways { features: Features::ALL, shape: Shape::Narrow, writes_parts: true },
            ];
            for ways in ways {
                let text = kernel.text(ways);
                let module = naga::front::wgsl::parse_str(&text)
                    .unwrap_or_else(|error| panic!("{kernel:?}: {}", error.emit_to_string(&text)));
                let capabilities = naga::valid::Capabilities::all();
                let mut validator =
                    naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities);
                let validated = validator.validate(&module);
                validated.unwrap_or_else(|error| panic!("{kernel:?}: {}", error.emit_to_string(&text)));
            }
        }
    }
}
