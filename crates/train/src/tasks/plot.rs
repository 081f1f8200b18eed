//! Accuracy against length or against the place in a sample, as a picture.

use std::fmt::Write as _;

use super::report::Accuracy;

/// Told apart by people who see colours differently, too (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

const WIDTH: f64 = 560.0; // of the area in which lines are drawn
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 44.0;
const LINE: f64 = 17.0; // of the legend
/// Points of a line at most: places between them are averaged.
const POINTS: usize = 128;

/// One line for each list of points (length or place, part of right answers), with its name; a dashed one where training
/// ended, at `trained`.
pub(super) fn svg(title: &str, axis: &str, trained: usize, lines: &[(String, Vec<(f64, f64)>)]) -> String {
    let (width, height) = (LEFT + WIDTH + 30.0, TOP + HEIGHT + 56.0 + LINE * (lines.len() as f64 + 1.0));
    let ends = lines.iter().flat_map(|(_, points)| points).map(|(place, _)| *place);
    let longest = ends.fold(2.0, f64::max);
    // On a logarithmic scale: one doubling is as wide as any other.
    let x = |place: f64| LEFT + WIDTH * place.max(1.0).log2() / longest.log2();
    let y = |part: f64| TOP + HEIGHT * (1.0 - part);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    text(&mut out, LEFT, 24.0, "start\" font-size=\"14", title);
    for step in 0..=4 {
        let part = f64::from(step) / 4.0;
        line(&mut out, (LEFT, y(part)), (LEFT + WIDTH, y(part)), "#ddd");
        text(&mut out, LEFT - 8.0, y(part) + 4.0, "end", &format!("{:.0} %", 100.0 * part));
    }
    let doublings = std::iter::successors(Some(1.0), |place| Some(2.0 * place));
    for place in doublings.take_while(|place| *place <= longest) {
        line(&mut out, (x(place), y(0.0)), (x(place), y(0.0) + 5.0), "#222");
        text(&mut out, x(place), y(0.0) + 20.0, "middle", &place.to_string());
    }
    text(&mut out, LEFT + WIDTH / 2.0, y(0.0) + 40.0, "middle", axis);
    let trained = trained as f64;
    if trained < longest {
        line(&mut out, (x(trained), y(0.0)), (x(trained), y(1.0)), "#888\" stroke-dasharray=\"4 4");
    }
    for (number, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let points: Vec<String> =
            points.iter().map(|(place, part)| format!("{:.1},{:.1}", x(*place), y(*part))).collect();
        let points = points.join(" ");
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" points=\"{points}\"/>"
        );
        let below = TOP + HEIGHT + 56.0 + LINE * (number as f64 + 0.5);
        line(&mut out, (LEFT, below - 4.0), (LEFT + 20.0, below - 4.0), colour);
        text(&mut out, LEFT + 28.0, below, "start", name);
    }
    out + "</svg>\n"
}

/// Place and part of right answers.
pub(super) fn by_place(accuracy: &Accuracy) -> Vec<(f64, f64)> {
    let each = accuracy.right.len().div_ceil(POINTS).max(1);
    let parts = accuracy.right.chunks(each).enumerate();
    let point = |(number, right): (usize, &[usize])| {
        let answers = (accuracy.samples * right.len()).max(1);
        let middle = (number * each) as f64 + (right.len() as f64 + 1.0) / 2.0;
        (middle, right.iter().sum::<usize>() as f64 / answers as f64)
    };
    parts.map(point).collect()
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), stroke: &str) {
    let _ = writeln!(out, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"{stroke}\"/>");
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_where_the_numbers_say() {
        let accuracy = Accuracy { length: 4, samples: 10, right: vec![10, 10, 5, 0], whole: 0 };
        let svg = svg("a < b", "place", 2, &[("one".to_owned(), by_place(&accuracy))]);
        // Corners: right at the left, wrong at the right.
        assert!(svg.contains("points=\"60.0,44.0 340.0,44.0 503.8,174.0 620.0,304.0\""), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains(">one</text>") && svg.contains("stroke-dasharray"));
        let many = Accuracy { length: 1000, samples: 1, right: vec![1; 1000], whole: 1 };
        assert!(by_place(&many).len() <= POINTS);
        assert!(by_place(&many).iter().all(|(_, part)| *part == 1.0));
    }
}
