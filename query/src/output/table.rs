//! Rows as a table that fits the terminal.

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches_with_options;
use futures::TryStreamExt;

use super::{Batches, Extent, MAX_TABLE_ROWS, OutputError, Written, legible};

const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_null("NULL");

pub(super) async fn write(
    rows: Batches<'_>,
    width: Option<usize>,
    out: &mut impl Write,
) -> Result<Written, OutputError> {
    let (batches, written) = first_batches(rows).await?;
    let batches = batches.iter().map(legible::for_table).collect::<Result<Vec<_>, _>>()?;
    let table = pretty_format_batches_with_options(&batches, &OPTIONS)?.to_string();
    let needed = table.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    if width.is_some_and(|width| needed > width) && written.rows > 0 {
        out.write_all(&expanded(&batches)?)?;
    } else {
        writeln!(out, "{table}")?;
    }
    out.flush()?;
    Ok(written)
}

pub(super) fn of_rows(rows: &[RecordBatch]) -> Result<String, ArrowError> {
    let legible = rows.iter().map(legible::for_table).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("{}\n", pretty_format_batches_with_options(&legible, &OPTIONS)?))
}

/// The first rows, after an empty batch that has the columns where there are none.
async fn first_batches(mut rows: Batches<'_>) -> Result<(Vec<RecordBatch>, Written), OutputError> {
    let mut batches = vec![RecordBatch::new_empty(rows.schema())];
    let mut left = MAX_TABLE_ROWS;
    while let Some(batch) = rows.try_next().await? {
        if batch.num_rows() > left {
            batches.push(batch.slice(0, left));
            return Ok((batches, Written { rows: MAX_TABLE_ROWS, extent: Extent::First }));
        }
        left -= batch.num_rows();
        batches.push(batch);
    }
    Ok((batches, Written { rows: MAX_TABLE_ROWS - left, extent: Extent::All }))
}

/// One line a value, under a heading for each row.
fn expanded(batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let mut text = Vec::new();
    let mut number = 0;
    for batch in batches {
        let schema = batch.schema_ref();
        let longest = schema.fields().iter().map(|field| field.name().chars().count()).max().unwrap_or(0);
        let columns = schema.fields().iter().zip(batch.columns());
        let formatters = columns
            .map(|(field, column)| Ok((field.name(), ArrayFormatter::try_new(column, &OPTIONS)?)))
            .collect::<Result<Vec<_>, ArrowError>>()?;
        for row in 0..batch.num_rows() {
            number += 1;
            writeln!(text, "-[ row {number} ]-")?;
            for (name, formatter) in &formatters {
                let value = formatter.value(row).try_to_string()?;
                let value = value.replace('\n', &format!("\n{:longest$} | ", ""));
                writeln!(text, "{name:longest$} | {value}")?;
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::empty_lake;
    use crate::session::Session;

    async fn written(sql: &str, width: usize) -> (String, Written) {
        let lake = empty_lake().await;
        let rows = Session::new(lake.lake.clone()).unwrap().sql(sql).await.unwrap();
        let mut out = Vec::new();
        let written = write(rows.into(), Some(width), &mut out).await.unwrap();
        (String::from_utf8(out).unwrap(), written)
    }

    #[tokio::test]
    async fn what_fits_is_a_table() {
        let (text, _) = written("SELECT 'BTCUSDT' AS symbol, NULL AS id", 20).await;
        assert_eq!(
            text,
            "+---------+------+\n| symbol  | id   |\n+---------+------+\n| BTCUSDT | NULL |\n+---------+------+\n"
        );
    }

    #[tokio::test]
    async fn what_is_too_wide_is_one_line_a_value() {
        let (text, _) =
            written("SELECT symbol, 'two\nlines' AS detail FROM (VALUES ('A'), ('B')) AS t (symbol)", 12)
                .await;
        let rows = ["A", "B"].map(|symbol| format!("symbol | {symbol}\ndetail | two\n       | lines\n"));
        assert_eq!(text, format!("-[ row 1 ]-\n{}-[ row 2 ]-\n{}", rows[0], rows[1]));
    }

    #[tokio::test]
    async fn long_bytes_are_cut_and_texts_are_not() {
        let sql = "SELECT arrow_cast(repeat('é', 100), 'Binary') AS payload, repeat('x', 100) AS detail";
        let (text, _) = written(sql, 300).await;
        assert!(text.contains(&format!("| {}… |", "é".repeat(60))), "{text}");
        assert!(text.contains(&format!("| {} |", "x".repeat(100))), "{text}");
    }

    #[tokio::test]
    async fn a_long_table_ends_early_and_says_so() {
        let (text, result) = written("SELECT value FROM generate_series(1, 10000000000)", 80).await;
        assert_eq!(result, Written { rows: MAX_TABLE_ROWS, extent: Extent::First });
        assert_eq!(text.lines().count(), MAX_TABLE_ROWS + 4);
        let (_, result) = written("SELECT value FROM generate_series(1, 1000)", 80).await;
        assert_eq!(result, Written { rows: MAX_TABLE_ROWS, extent: Extent::All });
    }
}
