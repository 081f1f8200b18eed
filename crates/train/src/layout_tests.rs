//! The layout: places, order, groups, refusals.

use wkv7_core::{Ranks, Recipe};

use super::*;

fn config() -> Config {
    let ranks = Ranks { decay: 3, rate: 4, value: 2, gate: 5 };
    let ranks = vec![Ranks { value: 0, ..ranks }, ranks];
    let recipe = Recipe::default();
    Config { layers: 2, channels: 10, heads: 2, head_size: 5, ffn: 7, vocab: 11, ranks, recipe }
}

#[test]
fn ranges_follow_each_other_aligned() {
    let layout = Layout::new(&config(), true).expect("sound");
    let mut end = 0;
    for entry in layout.entries() {
        assert_eq!(entry.range.start, end, "{}", entry.name);
        assert_eq!(entry.range.len(), entry.shape.iter().product::<usize>(), "{}", entry.name);
        end = entry.range.end.next_multiple_of(ALIGNMENT);
        assert_eq!(layout.get(&entry.name), Some(entry));
    }
    assert_eq!(layout.len(), end);
    // 2VD + 4D + L (19D + 4D^2 + 2DF) + 2D times the ranks
    let (d, f, v) = (10, 7, 11);
    let want = 2 * v * d + 4 * d + 2 * (19 * d + 4 * d * d + 2 * d * f + 2 * d * (3 + 4 + 2 + 5));
    assert_eq!(layout.parameters(), want);
}

#[test]
fn names_come_in_the_trainers_order() {
    let layout = Layout::new(&config(), true).expect("sound");
    let names: Vec<&str> = layout.entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        names[..7],
        [
            "emb.weight",
            "blocks.0.ln1.weight",
            "blocks.0.ln1.bias",
            "blocks.0.ln2.weight",
            "blocks.0.ln2.bias",
            "blocks.0.ln0.weight",
            "blocks.0.ln0.bias",
        ]
    );
    let at = names.iter().position(|name| *name == "blocks.1.att.x_r").expect("there");
    let leaves: Vec<&str> = names[at..].iter().map_while(|name| name.strip_prefix("blocks.1.")).collect();
    assert_eq!(
        leaves.join(" "),
        "att.x_r att.x_w att.x_k att.x_v att.x_a att.x_g att.w1 att.w2 att.w0 \
        att.a1 att.a2 att.a0 att.v1 att.v2 att.v0 att.g1 att.g2 att.k_k att.k_a att.r_k \
        att.receptance.weight att.key.weight att.value.weight att.output.weight att.ln_x.weight \
        att.ln_x.bias ffn.x_k ffn.key.weight ffn.value.weight"
    );
    assert_eq!(names[names.len() - 3..], ["ln_out.weight", "ln_out.bias", "head.weight"]);
}

#[test]
fn groups_follow_name_and_shape() {
    let layout = Layout::new(&config(), true).expect("sound");
    let group = |name: &str| layout.get(name).expect(name).group;
    assert_eq!(group("blocks.1.att.w0"), Group::Fast);
    for name in ["emb.weight", "head.weight", "blocks.0.ffn.key.weight", "blocks.1.att.output.weight"] {
        assert_eq!(group(name), Group::Decayed, "{name}");
    }
    for leaf in ["ln1.weight", "att.ln_x.weight", "att.w1", "att.g2", "att.r_k", "att.x_r", "ffn.x_k"] {
        assert_eq!(group(&format!("blocks.1.{leaf}")), Group::Plain, "{leaf}");
    }
}

#[test]
fn ranges_by_use_are_those_by_name() {
    for with in [false, true] {
        let layout = Layout::new(&config(), with).expect("sound");
        let range = |name: &str| layout.get(name).map(|entry| entry.range.clone());
        let ranges = layout.ranges();
        assert_eq!(Some(ranges.emb.clone()), range("emb.weight"));
        assert_eq!(Some(ranges.ln0_bias.clone()), range("blocks.0.ln0.bias"));
        assert_eq!(Some(ranges.head.clone()), range("head.weight"));
        assert_eq!(Some(ranges.layers[1].ffn_value.clone()), range("blocks.1.ffn.value.weight"));
        assert_eq!(Some(ranges.layers[0].a2.clone()), range("blocks.0.att.a2"));
        assert_eq!(ranges.layers[1].v2, range("blocks.1.att.v2"));
        assert_eq!(ranges.layers[0].v2, None);
        assert_eq!(range("blocks.0.att.v2").is_some(), with);
        assert_eq!(layout.get("blocks.0.att.v1").map(|v1| v1.shape.clone()), with.then_some(vec![10, 2]));
    }
}

#[test]
fn sizes_that_contradict_each_other_are_refused() {
    let broken: [fn(&mut Config); 5] = [
        |config| config.heads = 3,
        |config| config.vocab = 0,
        |config| config.vocab = usize::MAX / 4,
        |config| config.ranks.truncate(1),
        |config| config.ranks[1].value = 0,
    ];
    for break_it in broken {
        let mut config = config();
        break_it(&mut config);
        assert!(matches!(Layout::new(&config, false), Err(Error::Sizes(_))), "{config:?}");
    }
}
