//! What a table of lines holds, by its name, its header, or the number of its columns.

use depthlake_orderbook::history::ChunkKind;

use super::columns::{Layout, fields, is_header, usual};
use super::error::HistoryError;
use super::excerpt::{excerpt, is_text};
use super::file::Content;
use super::name::ArchiveName;

/// What the lines are: as the name says, else as the header says, else as the number of columns says.
pub(super) fn kind(
    content: Content,
    name: Option<ArchiveName<'_>>,
    first_line: &[u8],
    file: &str,
) -> Result<ChunkKind, HistoryError> {
    let named = name.map(|name| name.content);
    match content {
        Content::DailyBars => return Ok(ChunkKind::DailyBars),
        Content::Klines => {
            return match named {
                Some(found) if found != "1m" => {
                    Err(HistoryError::Interval { file: file.to_owned(), found: found.to_owned() })
                }
                _ => Ok(ChunkKind::Klines),
            };
        }
        Content::Trades => {}
    }
    match named {
        Some("aggTrades") => return Ok(ChunkKind::AggregateTrades),
        Some("trades") => return Ok(ChunkKind::Trades),
        _ => {}
    }
    if !is_text(first_line) {
        let expected = usual(ChunkKind::AggregateTrades).first().copied().unwrap_or_default();
        return Err(HistoryError::Binary { file: file.to_owned(), found: excerpt(first_line), expected });
    }
    let names = String::from_utf8_lossy(first_line);
    let fits = |kind: &ChunkKind| {
        if is_header(first_line) {
            Layout::of(*kind, names.trim_end()).is_ok()
        } else {
            usual(*kind).iter().any(|usual| width(usual) == fields(first_line).count())
        }
    };
    match [ChunkKind::AggregateTrades, ChunkKind::Trades].iter().filter(|kind| fits(kind)).collect::<Vec<_>>()
        [..]
    {
        [kind] => Ok(*kind),
        _ => Err(HistoryError::WhichTrades { file: file.to_owned() }),
    }
}

/// The names of the columns: the header's, or the usual ones of that many columns.
pub(super) fn columns(kind: ChunkKind, first_line: &[u8], file: &str) -> Result<String, HistoryError> {
    let expected = usual(kind).first().copied().unwrap_or_default();
    if !is_text(first_line) {
        return Err(HistoryError::Binary { file: file.to_owned(), found: excerpt(first_line), expected });
    }
    if is_header(first_line) {
        let names: Vec<_> = fields(first_line).map(String::from_utf8_lossy).collect();
        let names = names.join(",");
        return match Layout::of(kind, &names) {
            Ok(_) => Ok(names),
            Err(missing) => Err(HistoryError::Columns {
                file: file.to_owned(),
                column: missing.name,
                found: excerpt(names.as_bytes()),
                expected: missing.expected,
            }),
        };
    }
    let found = fields(first_line).count();
    let is_blank = first_line.trim_ascii().is_empty();
    let fitting = usual(kind).iter().find(|names| is_blank || width(names) == found);
    fitting.map(|names| (*names).to_owned()).ok_or_else(|| {
        let widths: Vec<_> = usual(kind).iter().map(|names| format!("{} ({names})", width(names))).collect();
        HistoryError::Width { file: file.to_owned(), found, expected: widths.join(" or ") }
    })
}

fn width(names: &str) -> usize {
    names.split(',').count()
}
