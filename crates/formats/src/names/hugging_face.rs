//! Names of Hugging Face / fla checkpoints.

/// The official name of the tensor that Hugging Face calls `name`; `None` where there is none.
///
/// The leading `model.` may be absent, as in a base model saved on its own.
pub(crate) fn official(name: &str) -> Option<String> {
    if name == "lm_head.weight" {
        return Some("head.weight".to_owned());
    }
    let name = name.strip_prefix("model.").unwrap_or(name);
    if let Some(part) = name.strip_prefix("norm.") {
        return Some(format!("ln_out.{part}"));
    }
    if name == "embeddings.weight" {
        return Some("emb.weight".to_owned());
    }
    let (layer, leaf) = name.strip_prefix("layers.")?.split_once('.')?;
    let leaf = layer_leaf(leaf)?;
    // The embedding's norm lives in the first layer.
    if leaf.starts_with("ln0.") && layer != "0" {
        return None;
    }
    Some(format!("blocks.{layer}.{leaf}"))
}

fn layer_leaf(leaf: &str) -> Option<String> {
    let (module, rest) = leaf.split_once('.')?;
    let official = match module {
        "pre_norm" => format!("ln0.{rest}"),
        "attn_norm" => format!("ln1.{rest}"),
        "ffn_norm" => format!("ln2.{rest}"),
        "ffn" => format!("ffn.{rest}"),
        "attn" => format!("att.{}", time_mix_leaf(rest)?),
        _ => return None,
    };
    Some(official)
}

fn time_mix_leaf(leaf: &str) -> Option<String> {
    if leaf.starts_with("x_") || matches!(leaf, "k_k" | "k_a" | "r_k" | "time_state") {
        return Some(leaf.to_owned());
    }
    let (module, rest) = leaf.split_once('.')?;
    let renamed = match module {
        "r_proj" => "receptance",
        "k_proj" => "key",
        "v_proj" => "value",
        "o_proj" => "output",
        "g_norm" => "ln_x",
        _ => return low_rank_leaf(module, rest),
    };
    Some(format!("{renamed}.{rest}"))
}

/// A low-rank net is a chain of a linear layer, an activation and another linear layer.
fn low_rank_leaf(module: &str, rest: &str) -> Option<String> {
    let net = module.strip_suffix("_lora").filter(|net| matches!(*net, "w" | "a" | "v" | "g"))?;
    let place = match rest {
        "lora.0.weight" => '1',
        "lora.2.weight" => '2',
        "lora.2.bias" => '0',
        _ => return None,
    };
    Some(format!("{net}{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_name() {
        for (theirs, ours) in [
            ("model.embeddings.weight", Some("emb.weight")),
            ("embeddings.weight", Some("emb.weight")),
            ("lm_head.weight", Some("head.weight")),
            ("model.norm.bias", Some("ln_out.bias")),
            ("model.layers.0.pre_norm.weight", Some("blocks.0.ln0.weight")),
            ("model.layers.1.pre_norm.weight", None),
            ("model.layers.7.attn_norm.bias", Some("blocks.7.ln1.bias")),
            ("model.layers.7.ffn_norm.bias", Some("blocks.7.ln2.bias")),
            ("model.layers.7.attn.x_x", Some("blocks.7.att.x_x")),
            ("model.layers.7.attn.r_k", Some("blocks.7.att.r_k")),
            ("model.layers.7.attn.o_proj.weight", Some("blocks.7.att.output.weight")),
            ("model.layers.7.attn.g_norm.bias", Some("blocks.7.att.ln_x.bias")),
            ("model.layers.7.attn.v_lora.lora.0.weight", Some("blocks.7.att.v1")),
            ("model.layers.7.attn.g_lora.lora.2.weight", Some("blocks.7.att.g2")),
            ("model.layers.7.attn.w_lora.lora.2.bias", Some("blocks.7.att.w0")),
            ("model.layers.7.attn.q_lora.lora.2.bias", None),
            ("model.layers.7.ffn.x_k", Some("blocks.7.ffn.x_k")),
            ("model.layers.7.self_attn.q_proj.weight", None),
            ("model.embed_tokens.weight", None),
        ] {
            assert_eq!(official(theirs).as_deref(), ours, "{theirs}");
        }
    }
}
