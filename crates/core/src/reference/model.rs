//! The layer loop and the slots.

use super::channel_mix::channel_mix;
use super::matmul::mul;
use super::norm::layer_norm;
use super::time_mix::time_mix;
use crate::{
    Batch, Error, LoadOptions, Model, ModelInfo, Norm, Outputs, Slot, Slots, State, Want, Weights, top,
};

/// A model run by the reference backend. It keeps borrowing the weights and copies none.
#[derive(Debug)]
pub struct ReferenceModel {
    info: ModelInfo,
    weights: Weights,
    slots: Slots<State>,
}

impl ReferenceModel {
    /// A model with no slot open.
    #[must_use]
    pub fn new(weights: Weights, options: &LoadOptions) -> Self {
        let info = ModelInfo::new("reference", &weights, options);
        let slots = Slots::new(info.id, info.max_slots);
        Self { info, weights, slots }
    }
}

/// One token through all layers; returns the residual after the last.
fn forward_token(weights: &Weights, state: &mut State, token: u32) -> Vec<f32> {
    let config = weights.config();
    let (c, n) = (config.channels, config.head_size);
    let mut x = vec![0.0; c];
    weights.emb.read_row(token as usize, &mut x);
    x = norm(&x, &weights.ln0, weights);

    let mut v_first = Vec::new(); // [channels]: the first layer's value of this token
    let states = state
        .att_shift
        .chunks_exact_mut(c)
        .zip(state.wkv.chunks_exact_mut(c * n))
        .zip(state.ffn_shift.chunks_exact_mut(c));
    for (layer, ((att_shift, wkv), ffn_shift)) in weights.layers.iter().zip(states) {
        let h = norm(&x, &layer.ln1, weights);
        add(&mut x, &time_mix(&layer.time_mix, config, &h, att_shift, wkv, &mut v_first));
        let h = norm(&x, &layer.ln2, weights);
        add(&mut x, &channel_mix(&layer.channel_mix, &h, ffn_shift));
    }
    x
}

fn norm(x: &[f32], norm: &Norm, weights: &Weights) -> Vec<f32> {
    layer_norm(x, &norm.weight.to_f32(), &norm.bias.to_f32(), weights.config().recipe.layer_norm_eps)
}

fn add(x: &mut [f32], dx: &[f32]) {
    for (x, dx) in x.iter_mut().zip(dx) {
        *x += dx;
    }
}

impl Model for ReferenceModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn open_slot(&mut self) -> Result<Slot, Error> {
        self.slots.open(|| State::zeros(&self.info.config))
    }

    fn close_slot(&mut self, slot: Slot) {
        self.slots.close(slot);
    }

    fn read_state(&mut self, slot: &Slot) -> Result<State, Error> {
        self.slots.get(slot).cloned()
    }

    fn write_state(&mut self, slot: &mut Slot, state: &State) -> Result<(), Error> {
        state.check(&self.info.config)?;
        self.slots.get_mut(slot)?.clone_from(state);
        Ok(())
    }

    fn forward(&mut self, batch: &Batch<'_>, outputs: &mut Outputs) -> Result<(), Error> {
        outputs.clear();
        for step in batch.steps() {
            let state = self.slots.get_mut(step.slot)?;
            for (at, &token) in step.tokens.iter().enumerate() {
                let x = forward_token(&self.weights, state, token);
                let is_last = at + 1 == step.tokens.len();
                if step.want != Want::All && !is_last {
                    continue;
                }
                let hidden = || norm(&x, &self.weights.ln_out, &self.weights);
                let logits = || mul(&self.weights.head, &hidden());
                match step.want {
                    Want::Nothing => {}
                    Want::Last | Want::All => outputs.logits.extend(logits()),
                    Want::Top(count) => top::largest(&logits(), count, &mut outputs.tops),
                    Want::Hidden => outputs.hidden.extend(hidden()),
                }
            }
        }
        Ok(())
    }
}
