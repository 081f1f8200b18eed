//! Progress on standard error, for people only: nothing is drawn where it is not a terminal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::interrupt;

/// Work shorter than this needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bar over bytes that appears once the work takes longer than two seconds.
///
/// As a callback it takes (done, total) and answers whether to go on, which is no after Ctrl-C.
pub fn bytes(label: &str) -> (Bar, Arc<dyn Fn(u64, u64) -> bool + Send + Sync>) {
    let bar = Bar::hidden(label, "{msg} [{bar:30}] {bytes}/{total_bytes} {eta}");
    let (drawn, start) = (bar.0.clone(), Instant::now());
    let callback = move |done: u64, total: u64| {
        drawn.set_length(total);
        drawn.set_position(done);
        if drawn.is_hidden() && start.elapsed() > PATIENCE {
            drawn.set_draw_target(ProgressDrawTarget::stderr());
        }
        !interrupt::asked()
    };
    (bar, Arc::new(callback))
}

/// A bar that is wiped off the terminal when it is dropped.
pub struct Bar(ProgressBar);

impl Bar {
    fn hidden(label: &str, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        // A template that does not parse leaves the plain bar; ours are constants, and tests draw them.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(label.to_owned());
        Self(bar)
    }

    /// A bar over `total` items.
    pub fn items(total: u64) -> Self {
        let bar = Self::hidden("", "[{bar:30}] {pos}/{len} {eta}");
        bar.0.set_length(total);
        bar.0.set_draw_target(ProgressDrawTarget::stderr());
        bar
    }

    /// Shows `done` items.
    pub fn show(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
