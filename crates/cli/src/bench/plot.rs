//! Speed as a picture: against the size of a batch, the length of a prompt, and the number of threads.
//!
//! Three panels side by side, each with its own scales and, below it, what its lines are. A dashed line is the
//! roof: what the same threads, or the device, could do at best.

use std::fmt::Write as _;

use super::measure::Kind;
use super::report::{Figure, Report, Roof, is_on_device};
use crate::svg::{self, colour, path, round_step, stroke, text};
use crate::terminal::table::count;

const WIDTH: f64 = 440.0; // of a panel with its margins
const HEIGHT: f64 = 260.0; // of the area in which lines are drawn
const LEFT: f64 = 90.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 52.0; // numbers and the name of the axis
const LINE: f64 = 17.0; // of the legend

/// The picture, as an SVG document.
pub fn svg(report: &Report) -> String {
    let panels = [against_batch(report), against_length(report), against_threads(report)];
    let legend = panels.iter().map(|panel| panel.lines.len()).max().unwrap_or(0) as f64 * LINE;
    let (width, height) = (3.0 * WIDTH, TOP + HEIGHT + BOTTOM + legend + LINE);
    let mut out = svg::begin(width, height);
    text(&mut out, LEFT, 24.0, "start\" font-size=\"15", &title(report));
    for (at, panel) in panels.iter().enumerate() {
        let _ = writeln!(out, "<g transform=\"translate({} {TOP})\">", at as f64 * WIDTH + LEFT);
        panel.draw(&mut out);
        out.push_str("</g>\n");
    }
    svg::end(out)
}

fn title(report: &Report) -> String {
    let name = report.model.path.file_name().unwrap_or(report.model.path.as_os_str()).to_string_lossy();
    let (machine, date) = (&report.machine, report.date.split('T').next().unwrap_or_default());
    format!("wkv7 {}: {name}, {}, {} cores, {date}", report.version, machine.cpu, machine.cores)
}

/// One diagram.
struct Panel {
    title: &'static str,
    axis: &'static str,
    lines: Vec<Line>,
}

/// A line, measured or a roof.
struct Line {
    name: String,
    colour: &'static str,
    roof: bool,
    points: Vec<(f64, f64)>,
}

fn against_batch(report: &Report) -> Panel {
    let (bytes, operations) = (report.bytes_per_token as f64, report.operations_per_token as f64);
    // The weights are read once for all sequences, until arithmetic takes longer.
    let roof = |roof: &Roof, sequences: f64| {
        (sequences * roof.read_bytes_per_second / bytes).min(roof.fma_flops / operations)
    };
    let lines = by_load(report, Kind::Batch, "roof: memory, then f32", roof);
    Panel { title: "Many sequences, one token each", axis: "sequences in a forward", lines }
}

fn against_length(report: &Report) -> Panel {
    let operations = report.operations_per_token as f64;
    let roof = |roof: &Roof, _| roof.fma_flops / operations;
    let lines = by_load(report, Kind::Prefill, "roof: f32", roof);
    Panel { title: "Prompts", axis: "tokens of the prompt", lines }
}

fn against_threads(report: &Report) -> Panel {
    let mut lines = Vec::new();
    let mut backends: Vec<&str> = report.results.iter().map(|figure| figure.backend).collect();
    backends.sort_unstable();
    backends.dedup();
    for backend in backends {
        let own = |figure: &&Figure| figure.kind == Kind::Decode && figure.backend == backend;
        let points = report
            .results
            .iter()
            .filter(own)
            .map(|figure| (figure.threads as f64, figure.tokens_per_second.median));
        lines.push(Line {
            name: format!("{backend}, decode"),
            colour: colour(lines.len()),
            roof: false,
            points: points.collect(),
        });
    }
    lines.retain(|line| !line.points.is_empty());
    if !lines.is_empty() && !report.ceilings.is_empty() {
        let speed = |roof: &Roof| roof.read_bytes_per_second / report.bytes_per_token as f64;
        let own = report.ceilings.iter().filter(|roof| roof.backend.is_none());
        let points = own.map(|roof| (roof.threads as f64, speed(roof))).collect();
        let colour = colour(lines.len());
        lines.push(Line { name: "roof: memory".to_owned(), colour, roof: true, points });
    }
    lines.iter_mut().for_each(|line| line.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    Panel { title: "One sequence, token by token", axis: "threads", lines }
}

/// A line for each load and a roof for each number of threads.
fn by_load(report: &Report, kind: Kind, name: &str, roof: impl Fn(&Roof, f64) -> f64) -> Vec<Line> {
    let own = |figure: &&Figure| figure.kind == kind;
    let all = report.results.iter().filter(own).map(|figure| figure.tokens as f64);
    let (least, most) = all.fold((f64::INFINITY, 0.0_f64), |(least, most), x| (least.min(x), most.max(x)));
    // A roof over a single x is drawn a little to both sides of it.
    let (least, most) = if least < most { (least, most) } else { (least / 1.1, most * 1.1) };
    let (mut lines, mut roofs) = (Vec::new(), Vec::<Line>::new());
    for load in &report.loads {
        let same = |figure: &&Figure| figure.backend == load.backend && figure.threads == load.threads;
        let points = report.results.iter().filter(own).filter(same);
        let mut points: Vec<(f64, f64)> =
            points.map(|figure| (figure.tokens as f64, figure.tokens_per_second.median)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        if points.is_empty() {
            continue;
        }
        let colour = colour(lines.len());
        let threads = threads(load.threads);
        let who = if is_on_device(load.backend) {
            load.backend.to_owned()
        } else {
            format!("{}, {threads}", load.backend)
        };
        lines.push(Line { name: who, colour, roof: false, points });
        let Some(ceiling) = report.roof(load.backend, load.threads) else { continue };
        let name = format!("{name}, {}", ceiling.device.as_ref().unwrap_or(&threads));
        if roofs.iter().all(|line| line.name != name) {
            let steps = (0..=64).map(|step| least * (most / least).powf(f64::from(step) / 64.0));
            let points = steps.map(|x| (x, roof(ceiling, x))).collect();
            roofs.push(Line { name, colour, roof: true, points });
        }
    }
    lines.extend(roofs);
    lines
}

fn threads(count: usize) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}

/// Where numbers lie in a panel: doublings of x side by side, y from nothing.
struct Scale {
    low: f64,
    high: f64,
    top: f64,
}

impl Scale {
    fn x(&self, x: f64) -> f64 {
        (x / self.low).ln() / (self.high / self.low).ln() * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        HEIGHT - y / self.top * HEIGHT
    }
}

impl Panel {
    fn draw(&self, out: &mut String) {
        let right = WIDTH - LEFT - RIGHT;
        text(out, 0.0, -16.0, "start\" font-size=\"13\" font-weight=\"bold", self.title);
        text(out, right / 2.0, HEIGHT + 40.0, "middle", self.axis);
        let _ = writeln!(out, "<g transform=\"translate(-74 {}) rotate(-90)\">", HEIGHT / 2.0);
        text(out, 0.0, 0.0, "middle", "tokens/s");
        out.push_str("</g>\n");
        let points = || self.lines.iter().flat_map(|line| &line.points);
        if points().next().is_none() {
            stroke(out, "#999", &format!("M0 0V{HEIGHT}H{right}"), "");
            return text(out, right / 2.0, HEIGHT / 2.0, "middle", "not measured");
        }
        let (low, high) =
            points().fold((f64::INFINITY, 0.0_f64), |(low, high), p| (low.min(p.0), high.max(p.0)));
        let top = points().map(|point| point.1).fold(0.0, f64::max);
        let step = round_step(top / 7.0);
        let steps = (top / step).ceil().max(1.0);
        // Room at both ends, and a width where there is but one x.
        let scale = Scale { low: low / 1.15, high: high * 1.15, top: step * steps };
        self.draw_axes(out, &scale, step, steps as usize);
        for (at, line) in self.lines.iter().enumerate() {
            line.draw(out, &scale);
            line.draw_name(out, HEIGHT + BOTTOM + LINE * (at as f64 + 0.5));
        }
    }

    fn draw_axes(&self, out: &mut String, scale: &Scale, step: f64, steps: usize) {
        let right = WIDTH - LEFT - RIGHT;
        for at in 0..=steps {
            let value = step * at as f64;
            let y = scale.y(value);
            stroke(out, "#ddd", &format!("M0 {y:.1}H{right}"), "");
            let number = if step < 1.0 { format!("{value}") } else { count(value.round() as u64) };
            text(out, -7.0, y + 4.0, "end", &number);
        }
        stroke(out, "#555", &format!("M0 0V{HEIGHT}H{right}"), "");
        let measured = self.lines.iter().filter(|line| !line.roof).flat_map(|line| &line.points);
        let mut ticks: Vec<f64> = measured.map(|point| point.0).collect();
        ticks.sort_by(f64::total_cmp);
        let mut free = f64::NEG_INFINITY; // where the last number ends
        for tick in ticks {
            let (x, number) = (scale.x(tick), count(tick as u64));
            let half = 4.0 * number.len() as f64;
            if x - half > free {
                stroke(out, "#555", &format!("M{x:.1} {HEIGHT}v4"), "");
                text(out, x, HEIGHT + 18.0, "middle", &number);
                free = x + half;
            }
        }
    }
}

impl Line {
    fn draw(&self, out: &mut String, scale: &Scale) {
        let at = |&(x, y): &(f64, f64)| (scale.x(x), scale.y(y));
        let mut path = path(self.points.iter().map(at));
        if self.roof
            && let [point] = &self.points[..]
        {
            let (x, y) = at(point);
            path = format!("M{:.1} {y:.1}h40", x - 20.0); // one number of threads
        }
        stroke(out, self.colour, &path, self.style());
        for (x, y) in self.points.iter().map(at).filter(|_| !self.roof) {
            let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{}\"/>", self.colour);
        }
    }

    fn draw_name(&self, out: &mut String, y: f64) {
        stroke(out, self.colour, &format!("M0 {y:.1}h26"), self.style());
        text(out, 34.0, y + 4.0, "start", &self.name);
    }

    fn style(&self) -> &'static str {
        if self.roof { " stroke-dasharray=\"5 4\" stroke-width=\"1.5\"" } else { " stroke-width=\"2\"" }
    }
}
