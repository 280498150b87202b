//! Plain tables with aligned columns.

use evenkeel::quote::shown;

/// Characters of a cell: names beyond lose their middle.
const MOST_CHARS: usize = 60;

/// A table with headings; the first column is aligned left, the others right. Cells are safe to print
/// whatever is in them.
pub fn table<H: AsRef<str>>(headings: impl AsRef<[H]>, rows: &[impl AsRef<[String]>]) -> String {
    let headings: Vec<&str> = headings.as_ref().iter().map(AsRef::as_ref).collect();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.as_ref()
                .iter()
                .map(|cell| shown(cell, MOST_CHARS))
                .collect()
        })
        .collect();
    let rows: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widths = cells.chain(headings.get(column)).map(|c| c.chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(&headings, &widths);
    text += &line(
        &rule.iter().map(String::as_str).collect::<Vec<_>>(),
        &widths,
    );
    for row in &rows {
        text += &line(row, &widths);
    }
    text
}

fn line(cells: &[&str], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        line += &match column {
            0 => format!("{cell:<width$}"),
            _ => format!("  {cell:>width$}"),
        };
    }
    line.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    #[test]
    fn hostile_names_neither_reach_the_terminal_nor_widen_the_table() {
        let rows = [["\u{1b}[31m".repeat(1000), "1".to_owned()]];
        let table = super::table(["layer", "a"], &rows);
        assert!(!table.contains('\u{1b}'));
        assert!(table.lines().all(|line| line.chars().count() <= 64));
    }

    #[test]
    fn columns_line_up() {
        let rows = [
            ["none".to_owned(), "3.93".to_owned()],
            ["critical".to_owned(), "–".to_owned()],
        ];
        assert_eq!(
            super::table(["control", "spread"], &rows),
            "control   spread\n--------  ------\nnone        3.93\ncritical       –\n"
        );
    }
}
