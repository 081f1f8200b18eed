//! `decode N`: prints the seconds that N greedy decode steps take, the fastest of three runs. What calling the library from
//! another language costs is measured against it. The model is `$WKV7_MODEL`.

use std::env;
use std::time::Instant;

use wkv7::{Model, Options, Sampler, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let steps = env::args().nth(1).ok_or("usage: WKV7_MODEL=FILE decode N")?.parse()?;
    let model = Model::open(env::var("WKV7_MODEL")?, &Options::default())?;
    let mut session = model.session()?;
    let mut fastest = f64::INFINITY;
    for _ in 0..3 {
        fastest = fastest.min(seconds(&mut session, steps)?);
    }
    println!("{fastest:.6}");
    Ok(())
}

/// Seconds of one run.
fn seconds(session: &mut Session, steps: usize) -> Result<f64, wkv7::Error> {
    session.reset()?;
    session.feed_text("Once upon a time")?;
    let mut sampler = Sampler::greedy();
    let mut sample = |session: &Session| sampler.sample(session.logits().unwrap_or_default());
    let mut token = sample(session)?;
    let begun = Instant::now();
    for _ in 0..steps {
        session.feed(&[token])?;
        token = sample(session)?;
    }
    Ok(begun.elapsed().as_secs_f64())
}
