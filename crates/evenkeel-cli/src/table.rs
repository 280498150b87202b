//! Plain tables with aligned columns.

/// A table with headings; the first column is aligned left, the others right.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([headings[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            line += &match column {
                0 => format!("{cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            };
        }
        line.trim_end().to_owned() + "\n"
    };
    let rule: [String; N] = std::array::from_fn(|column| "-".repeat(widths[column]));
    let mut text = line(headings) + &line(std::array::from_fn(|column| rule[column].as_str()));
    for row in rows {
        text += &line(std::array::from_fn(|column| row[column].as_str()));
    }
    text
}

#[cfg(test)]
mod tests {
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
