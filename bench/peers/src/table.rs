//! One table of all comparisons, in Markdown.

use std::fmt;
use std::time::Duration;

/// What one contestant did in one match.
pub struct Cell {
    pub median: Duration,
    pub shortest: Duration,
    /// How often its best five were as depthlake's, and how often they were compared.
    pub agreed: usize,
    pub compared: usize,
}

/// One comparison: a row a contestant, the first of which is depthlake; a column a match.
pub struct Table {
    pub title: String,
    /// What a time is divided by.
    pub per: &'static str,
    pub matches: Vec<Column>,
    pub names: Vec<String>,
    /// By match, then by contestant.
    pub cells: Vec<Vec<Cell>>,
}

pub struct Column {
    pub name: String,
    /// Levels or frames played a round.
    pub count: u64,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## {}\n", self.title)?;
        writeln!(
            f,
            "Nanoseconds a {}: median of the rounds (shortest), and how many times depthlake's.\n",
            self.per
        )?;
        write!(f, "| |")?;
        for column in &self.matches {
            write!(f, " {} |", column.name)?;
        }
        write!(f, " best five as ours |\n| --- |")?;
        for _ in &self.matches {
            write!(f, " ---: |")?;
        }
        writeln!(f, " ---: |")?;
        for (index, name) in self.names.iter().enumerate() {
            write!(f, "| {name} |")?;
            let (mut agreed, mut compared) = (0, 0);
            for (column, cells) in self.matches.iter().zip(&self.cells) {
                let cell = &cells[index];
                let each = |time| nanoseconds_each(time, column.count);
                write!(f, " {:.1} ({:.1})", each(cell.median), each(cell.shortest))?;
                write!(f, " **{:.2}×** |", cell.median.as_secs_f64() / cells[0].median.as_secs_f64())?;
                agreed += cell.agreed;
                compared += cell.compared;
            }
            writeln!(f, " {agreed} of {compared} |")?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn nanoseconds_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e9 / count as f64
}
