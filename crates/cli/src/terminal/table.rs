//! Columns of text: what, and how much.

use std::fmt;

use super::failure::printable;

/// Rows of a name and a value; values stand in one column.
#[derive(Debug, Default)]
pub struct Table(Vec<(String, String)>);

impl Table {
    /// Adds a row.
    pub fn row(&mut self, name: impl Into<String>, value: impl ToString) -> &mut Self {
        self.0.push((printable(&name.into()), printable(&value.to_string())));
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "{name:width$}  {value}"))
    }
}

/// Rows of many cells under a head. Names begin where their column begins, numbers end where it ends; a column
/// without a cell that says something is left out, and so is a head without rows.
#[derive(Debug)]
pub struct Grid<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>, // the head is the first
    names: usize,
}

impl<const COLUMNS: usize> Grid<COLUMNS> {
    /// No rows yet; the first `names` columns hold names, the others numbers.
    pub fn new(head: [&str; COLUMNS], names: usize) -> Self {
        Self { rows: vec![head.map(str::to_owned)], names }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.map(|cell| printable(&cell)));
    }

    /// Characters of a column; 0 where it says nothing.
    fn width(&self, column: usize) -> usize {
        let widths = || self.rows.iter().map(|row| row[column].chars().count());
        if widths().skip(1).max().unwrap_or(0) == 0 { 0 } else { widths().max().unwrap_or(0) }
    }
}

impl<const COLUMNS: usize> fmt::Display for Grid<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| self.width(column));
        for row in self.rows.iter().filter(|_| self.rows.len() > 1) {
            let cells = row.iter().zip(widths).enumerate().filter(|(_, (_, width))| *width > 0);
            let cells = cells.map(|(column, (cell, width))| {
                if column < self.names { format!("{cell:width$}") } else { format!("{cell:>width$}") }
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A count with its thousands apart: `1,527,404,544`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    digits.char_indices().fold(String::new(), |mut text, (at, digit)| {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
        text
    })
}

/// A number of bytes in the largest binary unit that leaves at least one: `2.8 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} bytes");
    }
    let mut size = n as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_align() {
        let mut table = Table::default();
        table.row("a", 1).row("long", "x\u{7}");
        assert_eq!(table.to_string(), "a     1\nlong  x\\u{7}\n");
    }

    #[test]
    fn grids_align_and_leave_out_what_says_nothing() {
        let mut grid = Grid::new(["name", "none", "n"], 1);
        assert_eq!(grid.to_string(), "");
        grid.row(["a", "", "1"].map(str::to_owned));
        grid.row(["longer", "", "100"].map(str::to_owned));
        assert_eq!(grid.to_string(), "name      n\na         1\nlonger  100\n");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1000, 834_304, 1_527_404_544].map(count).join(" "),
            "0 999 1,000 834,304 1,527,404,544"
        );
        assert_eq!([5, 1024, 3 << 30].map(bytes).join(" "), "5 bytes 1.0 KiB 3.0 GiB");
    }
}
