//! The loss of a run as a picture: every step, their mean, and the held-out part.

use wkv7_train::run::Record;

use crate::svg::{self, colour, path, round_step, stroke, text};
use crate::terminal::table::count;

const WIDTH: f64 = 720.0; // of the area in which lines are drawn
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 84.0; // numbers, the name of the axis, what the lines are

/// More points of a line than this are not told apart.
const POINTS: usize = 1500;

/// The picture of a log, as an SVG document.
pub fn svg(name: &str, log: &[Record]) -> String {
    let mut out = svg::begin(LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    text(&mut out, LEFT, 28.0, "start\" font-size=\"15", &title(name, log));
    out.push_str(&format!("<g transform=\"translate({LEFT} {TOP})\">\n"));
    draw(&mut out, log);
    out.push_str("</g>\n");
    svg::end(out)
}

fn title(name: &str, log: &[Record]) -> String {
    let Some(last) = log.last() else { return format!("{name}: no steps yet") };
    format!("{name}: {} steps, {} tokens", count(last.step), count(last.tokens))
}

/// Where numbers lie: both axes are linear.
struct Scale {
    first: f64,
    last: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let part = |value: f64, from: f64, to: f64| (value - from) / (to - from);
        (part(x, self.first, self.last) * WIDTH, HEIGHT - part(y, self.low, self.high) * HEIGHT)
    }
}

fn draw(out: &mut String, log: &[Record]) {
    let line = |of: fn(&Record) -> Option<f64>| -> Vec<(f64, f64)> {
        let points = log.iter().filter_map(|record| Some((record.step as f64, of(record)?)));
        points.filter(|point| point.1.is_finite()).collect()
    };
    let steps = line(|record| Some(record.loss));
    let means = line(|record| Some(record.mean_loss));
    let held_out = line(|record| record.held_out_loss);
    let mut spikes = line(|record| record.spike.as_ref().map(|_| record.loss));
    spikes.truncate(POINTS);
    let Some(scale) = scale(&steps, &held_out) else {
        stroke(out, "#999", &format!("M0 0V{HEIGHT}H{WIDTH}"), "");
        return text(out, WIDTH / 2.0, HEIGHT / 2.0, "middle", "nothing logged");
    };
    axes(out, &scale);
    let lines =
        [("loss of a step", "#bbb", 1.0, &thinned(&steps)), ("mean", colour(0), 2.0, &thinned(&means))];
    let shown = |points: &[(f64, f64)]| path(points.iter().map(|point| scale.at(*point)));
    for (_, colour, width, points) in lines {
        stroke(out, colour, &shown(points), &format!(" stroke-width=\"{width}\""));
    }
    stroke(out, colour(1), &shown(&held_out), " stroke-width=\"2\"");
    let dots = |out: &mut String, points: &[(f64, f64)], colour: &str| {
        for (x, y) in points.iter().map(|point| scale.at(*point)) {
            out.push_str(&format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>\n"));
        }
    };
    dots(out, &thinned(&held_out), colour(1));
    dots(out, &spikes, colour(3));
    legend(out, held_out.is_empty(), spikes.is_empty());
}

/// From the least to the largest of what is to be seen, with a little room.
fn scale(steps: &[(f64, f64)], held_out: &[(f64, f64)]) -> Option<Scale> {
    let (first, last) = (steps.first()?.0, steps.last()?.0);
    let all = || steps.iter().chain(held_out).map(|point| point.1);
    let low = all().fold(f64::INFINITY, f64::min);
    let mut sorted: Vec<f64> = all().collect();
    sorted.sort_by(f64::total_cmp);
    // A few leaps must not press everything else to the ground; what is above is drawn outside and cut off.
    let usual = sorted[(sorted.len() - 1) * 199 / 200];
    let high = sorted.last().copied().unwrap_or(usual).min(low + 1.5 * (usual - low));
    let room = 0.04 * (high - low).max(1e-3 * high.abs()).max(1e-6);
    Some(Scale { first, last: last.max(first + 1.0), low: low - room, high: high + room })
}

fn axes(out: &mut String, scale: &Scale) {
    let step = round_step((scale.high - scale.low) / 8.0);
    let places = decimals(step);
    for at in ticks(scale.low, scale.high, step) {
        let (_, y) = scale.at((0.0, at));
        stroke(out, "#ddd", &format!("M0 {y:.1}H{WIDTH}"), "");
        text(out, -7.0, y + 4.0, "end", &format!("{at:.places$}"));
    }
    for at in ticks(scale.first, scale.last, round_step((scale.last - scale.first) / 8.0).max(1.0)) {
        let (x, _) = scale.at((at, 0.0));
        stroke(out, "#555", &format!("M{x:.1} {HEIGHT}v4"), "");
        text(out, x, HEIGHT + 18.0, "middle", &count(at as u64));
    }
    stroke(out, "#555", &format!("M0 0V{HEIGHT}H{WIDTH}"), "");
    text(out, WIDTH / 2.0, HEIGHT + 38.0, "middle", "step");
    out.push_str(&format!("<g transform=\"translate(-52 {}) rotate(-90)\">\n", HEIGHT / 2.0));
    text(out, 0.0, 0.0, "middle", "loss (nats per token)");
    out.push_str("</g>\n");
}

/// The multiples of `step` from `low` to `high`.
fn ticks(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(move |at| at as f64 * step)
}

/// Digits behind the point that tell multiples of `step` apart.
fn decimals(step: f64) -> usize {
    (-step.log10().floor()).clamp(0.0, 9.0) as usize
}

fn legend(out: &mut String, nothing_held_out: bool, no_spikes: bool) {
    let names = [
        ("loss of a step", "#bbb", true),
        ("mean of about fifty", colour(0), true),
        ("held out", colour(1), !nothing_held_out),
        ("spikes", colour(3), !no_spikes),
    ];
    for (at, (name, colour, _)) in names.into_iter().filter(|name| name.2).enumerate() {
        let (x, y) = (at as f64 * 180.0, HEIGHT + 64.0);
        stroke(out, colour, &format!("M{x} {y}h26"), " stroke-width=\"2\"");
        text(out, x + 34.0, y + 4.0, "start", name);
    }
}

/// The same line with fewer points: of each stretch the lowest and the highest.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let stretches = points.chunks(points.len().div_ceil(POINTS / 2));
    let mut thin = Vec::with_capacity(POINTS + 2);
    for stretch in stretches {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let (Some(&low), Some(&high)) = (stretch.iter().min_by(by_height), stretch.iter().max_by(by_height))
        else {
            continue;
        };
        thin.extend(if low.0 < high.0 { [low, high] } else { [high, low] });
    }
    thin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thin_lines_keep_what_leaps_out() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|at| (f64::from(at), 1.0)).collect();
        points[77_777].1 = 9.0;
        let thin = thinned(&points);
        assert!(thin.len() <= POINTS && thin.contains(&points[77_777]), "{}", thin.len());
        assert!(thin.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert_eq!(thinned(&points[..7]), &points[..7]);
    }

    #[test]
    fn axes_have_round_numbers() {
        assert_eq!(ticks(0.93, 2.2, 0.5).collect::<Vec<_>>(), [1.0, 1.5, 2.0]);
        assert_eq!([0.05, 0.5, 1.0, 20.0].map(decimals), [2, 1, 0, 0]);
        let level: Vec<(f64, f64)> = (1..3).map(|at| (f64::from(at), 2.0)).collect();
        let scale = scale(&level, &[]).expect("points");
        assert!(scale.low < 2.0 && scale.high > 2.0);
        assert!(self::scale(&[], &[]).is_none());
    }
}
