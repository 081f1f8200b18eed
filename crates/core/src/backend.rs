//! The boundary between a model and the device that runs it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Batch, Config, Error, Fingerprint, ModelId, Outputs, Report, Slot, State, Weights};

/// A device that can run RWKV-7 models; one implementation per backend crate.
pub trait Backend: Send + Sync {
    /// Stable lower-case name: "reference", "cpu", "wgpu", "cuda".
    fn name(&self) -> &'static str;

    /// Packs or uploads `weights` in whatever layout suits the device, or keeps borrowing them.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an element type or shape it cannot run, [`Error::Cancelled`] where the
    /// progress callback says so.
    fn load(&self, weights: &Weights, options: &LoadOptions) -> Result<Box<dyn Model>, Error>;
}

/// A loaded model and the slots holding its sequences' states; driven by one caller at a time.
pub trait Model: Send {
    /// Identity, sizes, limits.
    fn info(&self) -> &ModelInfo;

    /// How it computes, what it packed, what it has seen of the weights' sparsity; it grows with use.
    fn report(&self) -> Report {
        Report::default()
    }

    /// What the device can do at best, measured now for about `time`; `None` where the host's threads compute.
    ///
    /// # Errors
    /// Those of the device.
    fn ceiling(&mut self, _time: Duration) -> Result<Option<DeviceCeiling>, Error> {
        Ok(None)
    }

    /// Reserves a zeroed state. Never grows silently.
    ///
    /// # Errors
    /// [`Error::NoFreeSlot`].
    fn open_slot(&mut self) -> Result<Slot, Error>;

    /// Gives a slot back.
    fn close_slot(&mut self, slot: Slot);

    /// Copies a sequence's state to the host.
    ///
    /// # Errors
    /// [`Error::ForeignSlot`].
    fn read_state(&mut self, slot: &Slot) -> Result<State, Error>;

    /// Replaces a sequence's state. Writing what was read changes nothing, to the bit.
    ///
    /// # Errors
    /// [`Error::ForeignSlot`], [`Error::WrongStateSize`].
    fn write_state(&mut self, slot: &mut Slot, state: &State) -> Result<(), Error>;

    /// Forks a sequence; overridden where the device can copy without the host.
    ///
    /// # Errors
    /// [`Error::ForeignSlot`].
    fn copy_state(&mut self, from: &Slot, to: &mut Slot) -> Result<(), Error> {
        let state = self.read_state(from)?;
        self.write_state(to, &state)
    }

    /// Advances every step of `batch` and replaces `outputs` by what it asked for, in order.
    ///
    /// # Errors
    /// Those of the device. The states of the batch's slots are then unspecified: rewrite or close them.
    fn forward(&mut self, batch: &Batch<'_>, outputs: &mut Outputs) -> Result<(), Error>;
}

/// What a device can do at best. A multiply-add counts as two operations.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceCeiling {
    /// The device's name.
    pub name: String,
    /// Bytes that its kernels read from its memory in a second.
    pub read_bytes_per_second: f64,
    /// f32 operations in a second.
    pub fma_flops: f64,
}

/// What is known of a loaded model.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModelInfo {
    /// This load.
    pub id: ModelId,
    /// Name of the backend.
    pub backend: &'static str,
    /// Sizes.
    pub config: Config,
    /// Identity of the weights.
    pub fingerprint: Fingerprint,
    /// Sequences that can be open at once.
    pub max_slots: usize,
    /// Tokens that one forward takes, all steps together.
    pub max_tokens: usize,
    /// Bytes that the backend copied or packed beside the mapped file.
    pub packed_bytes: u64,
    /// [`Weights::bytes_per_token`].
    pub bytes_per_token: u64,
    /// [`Weights::operations_per_token`].
    pub operations_per_token: u64,
}

impl ModelInfo {
    /// The facts of `weights` as backend `backend` loads them, with a fresh id and nothing packed.
    #[must_use]
    pub fn new(backend: &'static str, weights: &Weights, options: &LoadOptions) -> Self {
        Self {
            id: ModelId::unique(),
            backend,
            config: weights.config().clone(),
            fingerprint: weights.fingerprint(),
            max_slots: options.slots,
            max_tokens: options.max_tokens,
            packed_bytes: 0,
            bytes_per_token: weights.bytes_per_token(),
            operations_per_token: weights.operations_per_token(),
        }
    }
}

/// Called with (done, total) in bytes while a model loads; returns whether to go on.
pub type Progress = Arc<dyn Fn(u64, u64) -> bool + Send + Sync>;

/// How to load a model.
#[derive(Clone)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Sequences that can be open at once. Default 64. A CPU takes memory only for those that are; a device may
    /// reserve it for all.
    pub slots: usize,
    /// Tokens that one forward takes. Default 1024.
    pub max_tokens: usize,
    /// Threads of a CPU backend; `None` takes one per core.
    pub threads: Option<usize>,
    /// Forbids every approximation that a backend would make for speed.
    pub exact: bool,
    /// Told how far loading is; may cancel it.
    pub progress: Option<Progress>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { slots: 64, max_tokens: 1024, threads: None, exact: false, progress: None }
    }
}

impl fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("slots", &self.slots)
            .field("max_tokens", &self.max_tokens)
            .field("threads", &self.threads)
            .field("exact", &self.exact)
            .finish_non_exhaustive()
    }
}
