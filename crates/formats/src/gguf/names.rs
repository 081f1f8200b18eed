//! ggml's tensor names against the official ones.

/// How the numbers of a tensor are kept, compared with the official checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A matrix in the official orientation.
    Matrix,
    /// A thin matrix, transposed.
    Thin,
    /// `[channels]`.
    Vector,
    /// The bonus, officially `[heads, head_size]`, as `[channels]`.
    Bonus,
}

/// Tensors outside the layers: (ggml, official, form).
pub(crate) const OUTSIDE: [(&str, &str, Form); 6] = [
    ("token_embd.weight", "emb.weight", Form::Matrix),
    ("token_embd_norm.weight", "blocks.0.ln0.weight", Form::Vector),
    ("token_embd_norm.bias", "blocks.0.ln0.bias", Form::Vector),
    ("output_norm.weight", "ln_out.weight", Form::Vector),
    ("output_norm.bias", "ln_out.bias", Form::Vector),
    ("output.weight", "head.weight", Form::Matrix),
];

/// Tensors of a layer but for the fused shifts: (ggml after `blk.N.`, official after `blocks.N.`, form).
pub(crate) const LAYER: [(&str, &str, Form); 27] = [
    ("attn_norm.weight", "ln1.weight", Form::Vector),
    ("attn_norm.bias", "ln1.bias", Form::Vector),
    ("attn_norm_2.weight", "ln2.weight", Form::Vector),
    ("attn_norm_2.bias", "ln2.bias", Form::Vector),
    ("time_mix_ln.weight", "att.ln_x.weight", Form::Vector),
    ("time_mix_ln.bias", "att.ln_x.bias", Form::Vector),
    ("time_mix_w0.weight", "att.w0", Form::Vector),
    ("time_mix_w1.weight", "att.w1", Form::Thin),
    ("time_mix_w2.weight", "att.w2", Form::Thin),
    ("time_mix_a0.weight", "att.a0", Form::Vector),
    ("time_mix_a1.weight", "att.a1", Form::Thin),
    ("time_mix_a2.weight", "att.a2", Form::Thin),
    ("time_mix_v0.weight", "att.v0", Form::Vector),
    ("time_mix_v1.weight", "att.v1", Form::Thin),
    ("time_mix_v2.weight", "att.v2", Form::Thin),
    ("time_mix_g1.weight", "att.g1", Form::Thin),
    ("time_mix_g2.weight", "att.g2", Form::Thin),
    ("time_mix_k_k.weight", "att.k_k", Form::Vector),
    ("time_mix_k_a.weight", "att.k_a", Form::Vector),
    ("time_mix_r_k.weight", "att.r_k", Form::Bonus),
    ("time_mix_receptance.weight", "att.receptance.weight", Form::Matrix),
    ("time_mix_key.weight", "att.key.weight", Form::Matrix),
    ("time_mix_value.weight", "att.value.weight", Form::Matrix),
    ("time_mix_output.weight", "att.output.weight", Form::Matrix),
    ("channel_mix_lerp_k.weight", "ffn.x_k", Form::Vector),
    ("channel_mix_key.weight", "ffn.key.weight", Form::Matrix),
    ("channel_mix_value.weight", "ffn.value.weight", Form::Matrix),
];

/// The tensor of a layer that holds six token shifts, `[6, 1, 1, channels]`.
pub(crate) const FUSED: &str = "time_mix_lerp_fused.weight";

/// The official names of its rows, after `blocks.N.`.
pub(crate) const FUSED_ROWS: [&str; 6] = ["att.x_r", "att.x_w", "att.x_k", "att.x_v", "att.x_a", "att.x_g"];

/// What a tensor of a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// One official tensor.
    One { official: String, form: Form },
    /// The six token shifts of a layer, which is named as the file writes it.
    Fused { layer: &'a str },
    /// The first layer's value residual: filled with something, read by nothing.
    Unused,
}

/// Finds the place of a tensor by ggml's name; `None` for a stranger.
pub(super) fn place(name: &str) -> Option<Place<'_>> {
    if let Some(&(_, official, form)) = OUTSIDE.iter().find(|(ggml, ..)| *ggml == name) {
        return Some(Place::One { official: official.to_owned(), form });
    }
    let (layer, leaf) = name.strip_prefix("blk.")?.split_once('.')?;
    let plain = layer == "0" || !layer.starts_with('0');
    if layer.is_empty() || !plain || !layer.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if leaf == FUSED {
        return Some(Place::Fused { layer });
    }
    let &(_, official, form) = LAYER.iter().find(|(ggml, ..)| *ggml == leaf)?;
    let official = format!("blocks.{layer}.{official}");
    Some(if wkv7_core::weights::is_unused(&official) { Place::Unused } else { Place::One { official, form } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_places() {
        let one = |official: &str, form| Some(Place::One { official: official.to_owned(), form });
        assert_eq!(place("output.weight"), one("head.weight", Form::Matrix));
        assert_eq!(place("blk.11.time_mix_w1.weight"), one("blocks.11.att.w1", Form::Thin));
        assert_eq!(place("blk.0.time_mix_v1.weight"), Some(Place::Unused));
        assert_eq!(place("blk.10.time_mix_v1.weight"), one("blocks.10.att.v1", Form::Thin));
        assert_eq!(place("blk.3.time_mix_lerp_fused.weight"), Some(Place::Fused { layer: "3" }));
        for stranger in
            ["", "blk.", "blk.1", "blk..x", "blk.01.attn_norm.weight", "blk.-1.attn_norm.weight", "x"]
        {
            assert_eq!(place(stranger), None, "{stranger}");
        }
    }
}
