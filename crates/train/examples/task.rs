//! Trains a small model on a synthetic task and tests it on longer samples:
//! `task TASK [layers=1,2,4] [channels=128] [head=16] [length=32] [tests=32,64,128,512] [range=1,2] [bias=-4] [minutes=30 or
//! steps=N] [batch=4096] [rate=2e-3] [decay=0.01] [growth=0.2 or mastery=0.98] [seed=1] [samples=256] [threads=N] [report=FOLDER]`.

use std::error::Error;
use std::path::PathBuf;
use std::str::FromStr;

use wkv7_train::tasks::{Growth, Limit, Report, TaskRun, run};

fn parse<T: FromStr<Err: Error + 'static>>(text: &str) -> Result<T, Box<dyn Error>> {
    Ok(text.parse()?)
}

fn list<T: FromStr<Err: Error + 'static>>(text: &str) -> Result<Vec<T>, Box<dyn Error>> {
    text.split(',').map(parse).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let task = words.next().ok_or("expected the name of a task")?;
    let mut settings = TaskRun { task, ..TaskRun::default() };
    let (mut layers, mut ranges, mut folder) = (vec![2], vec![1.0], None);
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("expected key=value, found {word}"))?;
        match key {
            "layers" => layers = list(value)?,
            "channels" => settings.channels = parse(value)?,
            "head" => settings.head_size = parse(value)?,
            "length" => settings.length = parse(value)?,
            "tests" => settings.test_lengths = list(value)?,
            "range" => ranges = list(value)?,
            "bias" => settings.decay_bias = parse(value)?,
            "minutes" => settings.limit = Limit::Minutes(parse(value)?),
            "steps" => settings.limit = Limit::Steps(parse(value)?),
            "batch" => settings.batch_tokens = parse(value)?,
            "rate" => settings.rate = parse(value)?,
            "decay" => settings.weight_decay = parse(value)?,
            "growth" => settings.growth = Growth::Part(parse(value)?),
            "mastery" => settings.growth = Growth::Mastery(parse(value)?),
            "seed" => settings.seed = parse(value)?,
            "samples" => settings.test_samples = parse(value)?,
            "threads" => settings.threads = Some(parse(value)?),
            "report" => folder = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown setting {key}").into()),
        }
    }
    let mut report = Report::default();
    for layers in layers {
        for rate_range in &ranges {
            let settings = TaskRun { layers, rate_range: *rate_range, ..settings.clone() };
            let mut shown = 0.0;
            report.outcomes.push(run(&settings, &mut |now| {
                if now.seconds >= shown + 5.0 || now.step == now.steps {
                    shown = now.seconds;
                    println!(
                        "{:6} of {}: length {:3}, loss {:.4}, right {:6.2} %, {:.0} s",
                        now.step,
                        now.steps,
                        now.length,
                        now.loss,
                        100.0 * now.accuracy,
                        now.seconds
                    );
                }
                true
            })?);
        }
    }
    println!("{}", report.markdown());
    if let Some(folder) = folder {
        report.write(&folder)?;
    }
    Ok(())
}
