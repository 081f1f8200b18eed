//! The GPU backend of wkv7: any vendor's device, through `wgpu` over Vulkan, Metal or DirectX 12.
//!
//! A forward is one command buffer: the host writes which tokens belong to which sequences and their rows of the
//! embedding, the device does everything else, and only what is wanted comes back: logits, the largest of them, or the
//! last norm's output. The dispatches are planned
//! once, when a model is loaded; decode and prefill run the same list, and only the kernels of
//! products and of the recurrent memory depend on how many tokens there are. Prompts of more tokens than the activations' buffer holds go in several passes, each a
//! command buffer of its own.
//!
//! Matrices stay in F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K and Q6_K, as in the file but for alignment; other types
//! become F16, or F32 where [`LoadOptions::exact`] asks for it, and the report says so. Numbers are unpacked in the
//! kernels; sums, activations and states are f32.
//!
//! Nothing depends on an optional feature of the device. `WKV7_WGPU_FEATURES=none` forces all of them off; see
//! [`FEATURES_VARIABLE`]. Software adapters are used only where they are named.
//!
//! | file | what |
//! |---|---|
//! | `settings`, `adapter`, `memory`, `gpu` | which device, what of it may be used, opening it, its errors |
//! | `plan` | the dispatches of a forward, collected by `time_mix`, `wkv`, `channel_mix`, `head`, `top` |
//! | `product`, `element` | matrices of one dispatch; element types |
//! | `regions`, `vectors`, `steps` | what lies where in the buffers that kernels read |
//! | `pipeline`, `shaders/` | kernels |
//! | `ceiling`, `profile` | what the device can do at best, where its time goes |
//! | `weights`, `scratch` | what a model keeps on the device |
//! | `model`, `recorded`, `returned` | slots and forwards, their command buffers, what they give back |

mod adapter;
mod ceiling;
mod channel_mix;
mod element;
mod gpu;
mod head;
mod memory;
mod model;
mod pipeline;
mod plan;
mod product;
mod profile;
mod recorded;
mod regions;
mod returned;
mod scratch;
mod settings;
mod steps;
mod time_mix;
mod top;
mod vectors;
mod weights;
mod wkv;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use adapter::{DeviceFacts, devices};
pub use gpu::Counts;
pub use profile::Spent;
pub use settings::{Choice, FEATURES_VARIABLE, Features, Settings, Shape};

use gpu::Gpu;
use model::WgpuModel;
use wkv7_core::{Backend, Dtype, Error, LoadOptions, Model, Weights};

/// The backend's name.
const BACKEND: &str = "wgpu";

/// The GPU backend. Its device is opened by the first load and shared by all models loaded through it.
#[derive(Default)]
pub struct Wgpu {
    settings: Settings,
    gpu: Mutex<Option<Arc<Gpu>>>,
}

impl Wgpu {
    /// Types that kernels do not read and that become F16, unless [`LoadOptions::exact`] forbids it.
    pub const APPROXIMATED: [Dtype; 7] =
        [Dtype::Q4_1, Dtype::Q5_0, Dtype::Q5_1, Dtype::Q2K, Dtype::Q3K, Dtype::Iq4Nl, Dtype::Iq4Xs];

    /// The best real GPU, with the usual features.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As `settings` say. Nothing is opened yet.
    #[must_use]
    pub fn with(settings: Settings) -> Self {
        Self { settings, gpu: Mutex::default() }
    }

    /// What the device was asked for since it was opened; zeros before the first load.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.gpu
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map_or_else(Counts::default, |gpu| gpu.counts())
    }

    /// Bytes of device memory that this backend's buffers take, where the interface tells; `None` before the first load.
    #[must_use]
    pub fn allocated_bytes(&self) -> Option<u64> {
        let gpu = self.gpu.lock().unwrap_or_else(PoisonError::into_inner);
        gpu.as_ref()
            .and_then(|gpu| gpu.device.generate_allocator_report())
            .map(|report| report.total_allocated_bytes)
    }

    /// What the device's time went into since this was last asked, by kernel and number of workgroups; empty where
    /// [`Settings::profile`] does not ask for it or the adapter cannot tell.
    #[must_use]
    pub fn profile(&self) -> BTreeMap<String, Spent> {
        let gpu = self.gpu.lock().unwrap_or_else(PoisonError::into_inner);
        gpu.as_ref().and_then(|gpu| gpu.profile.as_ref()).map(profile::Profile::take).unwrap_or_default()
    }

    /// Takes the device away as a driver's crash would; for tests of what happens then.
    #[doc(hidden)]
    pub fn lose_device(&self) {
        if let Some(gpu) = &*self.gpu.lock().unwrap_or_else(PoisonError::into_inner) {
            gpu.device.destroy();
        }
    }

    /// The device, opened where it is not yet or was lost.
    fn gpu(&self) -> Result<Arc<Gpu>, Error> {
        let mut gpu = self.gpu.lock().unwrap_or_else(PoisonError::into_inner);
        match &*gpu {
            Some(gpu) if !gpu.is_lost() => Ok(Arc::clone(gpu)),
            _ => {
                let opened = Arc::new(Gpu::open(&self.settings)?);
                *gpu = Some(Arc::clone(&opened));
                Ok(opened)
            }
        }
    }
}

impl Backend for Wgpu {
    fn name(&self) -> &'static str {
        BACKEND
    }

    /// # Errors
    /// [`Error::Unavailable`] where there is no such device or the model does not fit it, [`Error::Unsupported`] for
    /// heads of more than 256 channels, [`Error::Device`] where the device fails, [`Error::Cancelled`].
    fn load(&self, weights: &Weights, options: &LoadOptions) -> Result<Box<dyn Model>, Error> {
        Ok(Box::new(WgpuModel::new(self.gpu()?, weights, options, &self.settings)?))
    }
}
