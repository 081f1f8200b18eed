//! The sizes of a model, deduced from the shapes of its tensors.

use crate::{Error, Tensor, Tensors};

/// Inner widths of a layer's four low-rank nets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ranks {
    /// Of the decay (`w1`, `w2`).
    pub decay: usize,
    /// Of the in-context learning rate (`a1`, `a2`).
    pub rate: usize,
    /// Of the value residual (`v1`, `v2`); 0 in the first layer, which has none.
    pub value: usize,
    /// Of the gate (`g1`, `g2`).
    pub gate: usize,
}

/// Constants that shapes do not tell. The defaults are those of every released model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Added to the variance in the layer norms: 1e-5.
    pub layer_norm_eps: f32,
    /// Added to the variance in the per-head group norm: 64e-5, whatever the head size.
    pub group_norm_eps: f32,
    /// What the in-context learning rate is multiplied with where it says how much is removed, above 0 and at most
    /// [`Recipe::MAX_RATE_RANGE`]: 1. With 2 a step can go beyond removing an entry and reflect it, as tracking a
    /// state through swaps needs; the replacement key keeps the rate in (0, 1).
    pub rate_range: f32,
}

impl Recipe {
    /// The largest rate range: beyond it a step could amplify what it should remove.
    pub const MAX_RATE_RANGE: f32 = 2.0;
}

impl Default for Recipe {
    fn default() -> Self {
        Self { layer_norm_eps: 1e-5, group_norm_eps: 64e-5, rate_range: 1.0 }
    }
}

/// The sizes of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Layers: a time mix and a channel mix each.
    pub layers: usize,
    /// Model width, `heads * head_size`.
    pub channels: usize,
    /// Heads of the time mix.
    pub heads: usize,
    /// Channels of a head; 64 in every released model.
    pub head_size: usize,
    /// Hidden units of the channel mix; `4 * channels` in every released model.
    pub ffn: usize,
    /// Rows of the embedding and the head: valid token ids are below it.
    pub vocab: usize,
    /// Low-rank widths per layer: `[layers]`.
    pub ranks: Vec<Ranks>,
    /// Constants that shapes do not tell.
    pub recipe: Recipe,
}

/// More layers than any model has; a larger block index is a broken file, not a deep model.
const MAX_LAYERS: usize = 4096;

impl Config {
    /// Deduces every size from `tensors` under their official names.
    ///
    /// Shapes are only *read* here; that all tensors agree is checked by [`crate::Weights::new`].
    ///
    /// # Errors
    /// [`Error::NotRwkv7`] for another architecture or generation, [`Error::MissingTensor`] and
    /// [`Error::WrongShape`] for what is needed to tell the sizes.
    pub fn deduce(tensors: &Tensors, recipe: Recipe) -> Result<Self, Error> {
        recognise(tensors)?;
        let [vocab, channels] = matrix(tensors, "emb.weight")?;
        let layers = count_layers(tensors)?;
        let r_k = find(tensors, "blocks.0.att.r_k")?;
        let &[heads, head_size] = r_k.shape() else {
            return Err(wrong("blocks.0.att.r_k", "[heads, head_size]".to_owned(), r_k));
        };
        if heads.checked_mul(head_size) != Some(channels) {
            let want = format!("[heads, head_size] whose product is {channels}");
            return Err(wrong("blocks.0.att.r_k", want, r_k));
        }
        let [ffn, _] = matrix(tensors, "blocks.0.ffn.key.weight")?;
        let mut ranks = Vec::new();
        for layer in 0..layers {
            let rank = |net: &str| -> Result<usize, Error> {
                matrix(tensors, &format!("blocks.{layer}.att.{net}1")).map(|[_, rank]| rank)
            };
            let value = if layer == 0 { 0 } else { rank("v")? };
            ranks.push(Ranks { decay: rank("w")?, rate: rank("a")?, value, gate: rank("g")? });
        }
        Ok(Self { layers, channels, heads, head_size, ffn, vocab, ranks, recipe })
    }

    /// Numbers of one sequence's state: `layers * (2 * channels + heads * head_size^2)`.
    #[must_use]
    pub fn state_len(&self) -> usize {
        self.layers * (2 * self.channels + self.channels * self.head_size)
    }
}

fn find<'a>(tensors: &'a Tensors, name: &str) -> Result<&'a Tensor, Error> {
    tensors.get(name).ok_or_else(|| Error::MissingTensor { name: name.to_owned() })
}

fn wrong(name: &str, want: String, found: &Tensor) -> Error {
    Error::WrongShape { name: name.to_owned(), want, found: found.shape().to_vec() }
}

fn matrix(tensors: &Tensors, name: &str) -> Result<[usize; 2], Error> {
    let tensor = find(tensors, name)?;
    <[usize; 2]>::try_from(tensor.shape()).map_err(|_| wrong(name, "two dimensions".to_owned(), tensor))
}

/// One more than the largest block index; every index below it must occur.
fn count_layers(tensors: &Tensors) -> Result<usize, Error> {
    let index = |name: &str| name.strip_prefix("blocks.")?.split('.').next()?.parse::<usize>().ok();
    let layers =
        tensors.iter().filter_map(|(name, _)| index(name)).max().map_or(0, |last| last.saturating_add(1));
    if layers > MAX_LAYERS {
        let finding = format!("block index {} is beyond any model", layers - 1);
        return Err(Error::NotRwkv7 { finding });
    }
    Ok(layers)
}

/// Tells RWKV-7 from its relatives by the tensors that only they have.
fn recognise(tensors: &Tensors) -> Result<(), Error> {
    const FOREIGN: [(&str, &str); 8] = [
        ("blocks.0.ffn.enn.weight", "an RWKV-8 preview"),
        ("blocks.0.qkv.ennk.weight", "an RWKV-8 hybrid preview"),
        ("blocks.0.qkv.k_emb.weight", "RWKV-7b (DeepEmbedAttention)"),
        ("blocks.0.ffn.s_emb.weight", "RWKV-7a (DeepEmbed)"),
        ("blocks.0.att.time_maa_x", "RWKV-6"),
        ("blocks.0.att.time_mix_r", "RWKV-4 or RWKV-5"),
        ("model.layers.0.self_attn.q_proj.weight", "a transformer"),
        ("model.embed_tokens.weight", "a transformer"),
    ];
    let foreign = FOREIGN.iter().find(|(name, _)| tensors.get(name).is_some());
    if let Some((name, what)) = foreign {
        let finding = format!("tensor `{name}` belongs to {what}");
        return Err(Error::NotRwkv7 { finding });
    }
    if tensors.get("blocks.0.att.r_k").is_none() {
        let finding = match tensors.iter().next() {
            Some((name, _)) => format!(
                "no tensor `blocks.0.att.r_k` among {} tensors (the first is `{name}`)",
                tensors.len()
            ),
            None => "the file holds no tensors".to_owned(),
        };
        return Err(Error::NotRwkv7 { finding });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Tensors {
        let mut tensors = Tensors::new();
        for name in names {
            tensors.insert(*name, Tensor::from_f32(name, &[1], &[0.0]).expect("valid")).expect("unique");
        }
        tensors
    }

    #[test]
    fn relatives_are_told_apart() {
        for (name, what) in
            [("blocks.0.att.time_maa_x", "RWKV-6"), ("model.embed_tokens.weight", "transformer")]
        {
            let error = Config::deduce(&named(&[name]), Recipe::default()).expect_err("foreign").to_string();
            assert!(error.contains(what) && error.contains(name), "{error}");
        }
        let error = Config::deduce(&named(&["x"]), Recipe::default()).expect_err("foreign").to_string();
        assert!(error.contains("blocks.0.att.r_k"), "{error}");
    }

    #[test]
    fn absurd_block_indices_are_refused() {
        let tensors = named(&["blocks.18446744073709551615.x"]);
        assert!(matches!(count_layers(&tensors), Err(Error::NotRwkv7 { .. })));
    }
}
