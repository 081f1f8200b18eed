//! What every language must agree with: writes to the folder `$WKV7_INTEROP` the logits after a prompt, the state, and 64
//! greedy tokens, from the façade. The other languages' `interop` programs do the same.

use std::path::Path;
use std::{env, fs};

use wkv7::{Generate, Model, Options, Sampler, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::open(env::var("WKV7_MODEL")?, &Options::default())?;
    let folder = env::var("WKV7_INTEROP")?;
    let folder = Path::new(&folder);
    let mut session = model.session()?;
    session.feed_text("Once upon a time")?;
    let logits = session.logits().unwrap_or_default();
    fs::write(folder.join("rust.logits"), logits.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())?;
    session.save(folder.join("rust.state"))?;
    fs::write(folder.join("rust.tokens"), greedy(&mut session)?)?;
    Ok(())
}

/// 64 greedy tokens on a line.
fn greedy(session: &mut Session) -> Result<String, wkv7::Error> {
    let options = Generate { sampler: Sampler::greedy(), max_tokens: 64, ..Generate::default() };
    let tokens: Result<Vec<_>, _> =
        session.generate(options).map(|piece| piece.map(|piece| piece.token.to_string())).collect();
    Ok(tokens?.join(" ") + "\n")
}
