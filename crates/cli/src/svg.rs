//! Pieces of pictures: lines, words, colours, and where an axis has its numbers.

use std::fmt::Write as _;

use crate::terminal::failure::printable;

/// Told apart by people who see colours differently, too (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// The beginning of a white picture.
pub fn begin(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    )
}

/// The whole picture, an SVG document.
pub fn end(picture: String) -> String {
    picture + "</svg>\n"
}

/// The colour of line number `at`; there are seven.
pub fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

/// A line through the points, for [`stroke`].
pub fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    points.fold(String::new(), |mut path, (x, y)| {
        let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
        path
    })
}

/// Draws a line; `style` is further attributes, each behind a space.
pub fn stroke(out: &mut String, colour: &str, path: &str, style: &str) {
    let _ = writeln!(out, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\"{style}/>");
}

/// Writes words at a place; `anchor` is the part of them that is there: `start`, `middle` or `end`.
pub fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = printable(words).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
pub fn round_step(least: f64) -> f64 {
    if !(least > 0.0 && least.is_finite()) {
        return 1.0;
    }
    let power = 10.0_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least);
    step.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!([0.9, 1.0, 1.1, 3.0, 7.0, 230.0].map(round_step), [1.0, 1.0, 2.0, 5.0, 10.0, 500.0]);
        assert_eq!([0.0, f64::NAN, f64::INFINITY].map(round_step), [1.0; 3]);
    }

    #[test]
    fn words_cannot_leave_their_place() {
        let mut out = String::new();
        text(&mut out, 0.0, 0.0, "end", "a<b>&\u{1}");
        assert!(out.contains(">a&lt;b&gt;&amp;\\u{1}<"), "{out}");
    }
}
