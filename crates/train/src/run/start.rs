//! Where a run begins: at a checkpoint of its own, at a model that is given, or at a new one.

use wkv7_core::Recipe;

use super::{Config, Folder};
use crate::data::Dataset;
use crate::{Error, Layout, Moments, NewModel, Snapshot, files, initialise};

/// What a run begins with.
pub(super) struct Start {
    pub(super) layout: Layout,
    pub(super) parameters: Vec<f32>,
    pub(super) moments: Moments,
    /// Steps done.
    pub(super) step: u64,
    /// Seconds spent on them.
    pub(super) seconds: f64,
    /// What [`super::Watch::facts`] told.
    pub(super) watch: Option<String>,
}

/// Goes on from the newest checkpoint in `folder` if there is one, else begins as `config` has it.
pub(super) fn start(
    folder: &Folder,
    config: &Config,
    data: &Dataset,
    notices: &mut Vec<String>,
) -> Result<Start, Error> {
    let start = match folder.newest(notices)? {
        Some(snapshot) => go_on(snapshot, config, data)?,
        None => begin(config, data)?,
    };
    let vocab = start.layout.config().vocab;
    if data.vocab() > vocab {
        let what = format!("the data's vocabulary has {} tokens, the model only {vocab}", data.vocab());
        return Err(Error::Setting(what));
    }
    Ok(start)
}

/// What a checkpoint says about the data: enough to notice when it is another.
pub(super) fn tokens_fact(data: &Dataset) -> String {
    data.tokens().to_string()
}

fn go_on(snapshot: Snapshot, config: &Config, data: &Dataset) -> Result<Start, Error> {
    let Snapshot { layout, parameters, moments, facts } = snapshot;
    let fact = |key: &str| {
        facts
            .get(key)
            .ok_or_else(|| Error::Setting(format!("the checkpoint is of no run: it does not tell its {key}")))
    };
    let settings = Config::parse(fact("settings")?);
    config.goes_on_from(
        &settings.map_err(|what| Error::Setting(format!("settings of the checkpoint{what}")))?,
    )?;
    let (then, now) = (fact("tokens")?, tokens_fact(data));
    if *then != now {
        let what = format!("{}: the data had {then} tokens when this run began, now {now}", data.name());
        return Err(Error::Setting(what));
    }
    let number = |key| {
        let text = fact(key)?;
        text.parse::<f64>()
            .map_err(|_| Error::Setting(format!("checkpoint: expected a number as {key}, found {text:?}")))
    };
    Ok(Start {
        layout,
        parameters,
        moments,
        step: number("step")? as u64, // exact: the file's name has it too
        seconds: number("seconds")?,
        watch: Some(fact("watch")?.clone()),
    })
}

fn begin(config: &Config, data: &Dataset) -> Result<Start, Error> {
    let (layout, parameters) = match &config.from {
        Some(path) => {
            let weights = wkv7_formats::open(path)?.weights()?;
            let recipe = weights.config().recipe;
            if recipe != Recipe::default() {
                // The files that are written have no place for them.
                let what = format!(
                    "{}: expected the constants of released models, found {recipe:?}",
                    path.display()
                );
                return Err(Error::Setting(what));
            }
            let layout = Layout::of(&weights)?;
            let parameters = files::flatten(&layout, &weights)?;
            (layout, parameters)
        }
        None => {
            let channels = config.channels.unwrap_or_default(); // decided before
            let layout = NewModel {
                layers: config.layers.unwrap_or_default(),
                channels,
                head_size: config.head_size.unwrap_or_default(),
                vocab: config.vocab_size.unwrap_or(data.vocab()),
                ffn: config.ffn,
                ranks: None,
            }
            .layout()?;
            let parameters = initialise(&layout, config.seed)?;
            (layout, parameters)
        }
    };
    let moments = Moments::new(&layout);
    Ok(Start { layout, parameters, moments, step: 0, seconds: 0.0, watch: None })
}
