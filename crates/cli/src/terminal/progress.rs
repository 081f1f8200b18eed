//! Progress on standard error, for people only: nothing is drawn where it is not a terminal.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::{interrupt, stderr_is_terminal};

/// Work shorter than this needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// The bar on the terminal, for who ends the process and must wipe it off first.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Takes (done, total); answers whether to go on, which is no after Ctrl-C.
pub type Callback = Arc<dyn Fn(u64, u64) -> bool + Send + Sync>;

/// A bar over bytes, and the callback that moves it.
pub fn bytes(label: &str) -> (Bar, Callback) {
    moved("{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}", label)
}

/// A bar over tokens, and the callback that moves it.
pub fn tokens(label: &str) -> (Bar, Callback) {
    moved("{msg} [{wide_bar}] {pos}/{len} tokens {eta}", label)
}

fn moved(template: &str, label: &str) -> (Bar, Callback) {
    let bar = Bar::new(template);
    bar.say(label.to_owned());
    let drawn = bar.0.clone();
    let callback = move |done, total| {
        drawn.show(done, Some(total));
        !interrupt::asked()
    };
    (bar, Arc::new(callback))
}

/// A bar that appears once the work takes longer than two seconds, and is wiped off when it is dropped.
pub struct Bar(Drawn);

impl Bar {
    /// A bar over items, with figures behind it.
    pub fn items() -> Self {
        Self::new("[{wide_bar}] {pos}/{len} {eta}  {msg}")
    }

    /// A bar over the bytes of a text, with figures behind it.
    pub fn text() -> Self {
        Self::new("[{wide_bar}] {bytes}/{total_bytes} {eta}  {msg}")
    }

    /// A bar over steps, with figures behind it, the time left among them.
    pub fn steps() -> Self {
        Self::new("[{wide_bar}] {pos}/{len}  {msg}")
    }

    fn new(template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        // A template that does not parse leaves the plain bar; ours are constants, and tests draw them.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        Self(Drawn { bar, start: Instant::now() })
    }

    /// Shows how much is done; without a total, only the figures.
    pub fn show(&self, done: u64, total: Option<u64>) {
        self.0.show(done, total);
    }

    /// Takes the bar off the terminal while something else is written there.
    pub fn suspend(&self, write: impl FnOnce()) {
        self.0.bar.suspend(write);
    }

    /// Shows words or figures beside the bar.
    pub fn say(&self, words: String) {
        self.0.bar.set_message(words);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.bar.finish_and_clear();
        if let Ok(mut shown) = SHOWN.lock() {
            *shown = None;
        }
    }
}

/// What may move a bar.
#[derive(Clone)]
struct Drawn {
    bar: ProgressBar,
    start: Instant,
}

impl Drawn {
    fn show(&self, done: u64, total: Option<u64>) {
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.start.elapsed() > PATIENCE && stderr_is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(Narrow(Term::stderr()))));
            if let Ok(mut shown) = SHOWN.lock() {
                *shown = Some(self.bar.clone());
            }
        }
    }
}

/// Wipes off the bar that is shown, if one is.
pub fn clear() {
    if let Ok(mut shown) = SHOWN.try_lock()
        && let Some(bar) = shown.take()
    {
        bar.finish_and_clear();
    }
}

/// Standard error, less a few columns: the terminal echoes Ctrl-C as `^C` behind the bar, and a bar that
/// leaves no room for it would be pushed to another line and never wiped off.
#[derive(Debug)]
struct Narrow(Term);

/// Columns left free, for an impatient person.
const FREE: u16 = 8;
/// Longer bars are no better.
const WIDEST: u16 = 100;

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(FREE).clamp(1, WIDEST)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line of a terminal.
    #[derive(Debug, Clone, Default)]
    struct Line(Arc<Mutex<String>>);

    impl Line {
        fn text(&self) -> String {
            self.0.lock().expect("no panic").clone()
        }
    }

    impl TermLike for Line {
        fn width(&self) -> u16 {
            70
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().expect("no panic").push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().expect("no panic").clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bars_are_drawn_and_wiped_off() {
        for bar in [Bar::items(), Bar::steps(), Bar::text(), bytes("loading").0, tokens("reading").0] {
            let line = Line::default();
            bar.0.bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(line.clone())));
            bar.say("all well".to_owned());
            bar.show(512, Some(1024));
            bar.0.bar.force_draw();
            let text = line.text();
            assert!(text.contains("[=") && text.contains("all well"), "{text}");
            drop(bar);
            assert_eq!(line.text(), "");
        }
    }
}
