//! Rows whose columns line up on a screen.
//!
//! Invariant: a cell never breaks a line: control characters in it are spelt out.

use unicode_width::UnicodeWidthStr;

use super::words::clean;

const GAP: &str = "   ";

/// Rows of cells. The last cell of a row may be of any width.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// A table whose columns with these indices are set to the right.
    pub(super) fn with_right(columns: &[usize]) -> Self {
        Self { rows: Vec::new(), right: columns.to_vec() }
    }

    /// Adds a row.
    pub(super) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell.into())).collect());
    }

    /// The rows as lines, each after this many spaces; columns that are empty everywhere vanish.
    pub(super) fn lines(&self, indent: usize) -> String {
        let widths = self.widths();
        let mut out = String::new();
        for row in &self.rows {
            let cells = row.iter().enumerate().filter(|(column, _)| widths[*column] > 0);
            let cells: Vec<String> =
                cells.map(|(column, cell)| self.padded(cell, column, widths[column])).collect();
            out += &" ".repeat(indent);
            out += &cells.join(GAP);
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }

    fn padded(&self, cell: &str, column: usize, width: usize) -> String {
        let space = " ".repeat(width.saturating_sub(cell.width()));
        if self.right.contains(&column) { space + cell } else { format!("{cell}{space}") }
    }

    /// How wide each column is. A row's last cell does not widen a column that others go on after.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                if column + 1 < row.len() || row.len() == columns {
                    widths[column] = widths[column].max(cell.width());
                } else if !cell.is_empty() {
                    widths[column] = widths[column].max(1);
                }
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_what_is_seen() {
        let mut table = Table::with_right(&[1]);
        table.row(["日本", "1", "", "★★★½☆"]);
        table.row(["rhythmbox", "12,408", "", "x\ny"]);
        table.row(["", "a remark as wide as it wants"]);
        insta::assert_snapshot!(table.lines(2), @r"
        日本             1   ★★★½☆
        rhythmbox   12,408   x\ny
                    a remark as wide as it wants
        ");
    }
}
