//! The columns of historical files: what they are called, with a header line or without, and where each is found.

use depthlake_orderbook::history::ChunkKind;

/// A column that is read, under any of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// How we call it.
    pub(super) name: &'static str,
    /// How files call it: lower case, letters and digits only.
    spellings: &'static [&'static str],
    is_required: bool,
}

/// Where the columns of [`wanted`] stand in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    wanted: &'static [Wanted],
    positions: Vec<Option<usize>>,
    /// How many columns a line has.
    pub(super) width: usize,
}

/// A required column that a header does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MissingColumn {
    pub(super) name: &'static str,
    pub(super) expected: &'static str,
}

const fn column(name: &'static str, spellings: &'static [&'static str]) -> Wanted {
    Wanted { name, spellings, is_required: true }
}

const KLINES: [Wanted; 11] = [
    column("open_time", &["opentime"]),
    column("open", &["open"]),
    column("high", &["high"]),
    column("low", &["low"]),
    column("close", &["close"]),
    column("volume", &["volume"]),
    column("close_time", &["closetime"]),
    column("quote_volume", &["quotevolume", "quoteassetvolume"]),
    column("count", &["count", "numberoftrades", "trades"]),
    column("taker_buy_volume", &["takerbuyvolume", "takerbuybaseassetvolume", "takerbuybasevolume"]),
    column("taker_buy_quote_volume", &["takerbuyquotevolume", "takerbuyquoteassetvolume"]),
];

const AGGREGATE_TRADES: [Wanted; 7] = [
    column("agg_trade_id", &["aggtradeid", "aggid", "aggregatetradeid"]),
    column("price", &["price"]),
    column("quantity", &["quantity", "qty"]),
    column("first_trade_id", &["firsttradeid", "firstid"]),
    column("last_trade_id", &["lasttradeid", "lastid"]),
    column("transact_time", &["transacttime", "time", "timestamp"]),
    column("is_buyer_maker", &["isbuyermaker", "buyermaker"]),
];

const TRADES: [Wanted; 5] = [
    column("id", &["id", "tradeid"]),
    column("price", &["price"]),
    column("qty", &["qty", "quantity"]),
    column("time", &["time", "timestamp"]),
    column("is_buyer_maker", &["isbuyermaker", "buyermaker"]),
];

const DAILY_BARS: [Wanted; 7] = [
    column("Date", &["date", "datetime"]),
    column("Open", &["open"]),
    column("High", &["high"]),
    column("Low", &["low"]),
    column("Close", &["close"]),
    column("Volume", &["volume"]),
    Wanted { name: "Adj Close", spellings: &["adjclose", "adjustedclose"], is_required: false },
];

/// The layouts of files without a header, the whole ones first.
const KLINE_FILE: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore";
const AGGREGATE_FILES: [&str; 2] = [
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker,is_best_match",
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
];
const TRADE_FILES: [&str; 2] = [
    "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match",
    "id,price,qty,quote_qty,time,is_buyer_maker",
];
const DAILY_FILE: &str = "Date,Open,High,Low,Close,Adj Close,Volume";

/// The columns that are read of a chunk of lines; none of an answer.
pub(super) const fn wanted(kind: ChunkKind) -> &'static [Wanted] {
    match kind {
        ChunkKind::Klines => &KLINES,
        ChunkKind::AggregateTrades => &AGGREGATE_TRADES,
        ChunkKind::Trades => &TRADES,
        ChunkKind::DailyBars => &DAILY_BARS,
        ChunkKind::KlinesAnswer => &[],
    }
}

/// The columns of files of a kind that have no header.
pub(super) const fn usual(kind: ChunkKind) -> &'static [&'static str] {
    match kind {
        ChunkKind::Klines => &[KLINE_FILE],
        ChunkKind::AggregateTrades => &AGGREGATE_FILES,
        ChunkKind::Trades => &TRADE_FILES,
        ChunkKind::DailyBars => &[DAILY_FILE],
        ChunkKind::KlinesAnswer => &[],
    }
}

/// Whether a first line names columns: values begin with digits.
pub(super) fn is_header(line: &[u8]) -> bool {
    fields(line)
        .next()
        .is_some_and(|first| !first.is_empty() && !first.first().is_some_and(u8::is_ascii_digit))
}

/// The fields of a line, without the line's end and without quotes.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.split(|byte| *byte == b',').map(unquoted)
}

impl Layout {
    /// Finds the columns among `names`, separated by commas.
    pub(super) fn of(kind: ChunkKind, names: &str) -> Result<Self, MissingColumn> {
        let spelled: Vec<_> = names.split(',').map(spelling).collect();
        let find = |column: &Wanted| {
            let found = spelled.iter().position(|name| column.spellings.contains(&name.as_str()));
            match found {
                None if column.is_required => {
                    let expected = usual(kind).first().copied().unwrap_or_default();
                    Err(MissingColumn { name: column.name, expected })
                }
                found => Ok(found),
            }
        };
        let wanted = wanted(kind);
        let positions = wanted.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self { wanted, positions, width: spelled.len() })
    }

    /// The values of the wanted columns in a line's fields, in the order of [`wanted`].
    pub(super) fn pick<'a>(&self, line: &[&'a [u8]]) -> Vec<(&'static str, Option<&'a [u8]>)> {
        let value = |position: &Option<usize>| position.and_then(|at| line.get(at).copied());
        self.wanted.iter().zip(&self.positions).map(|(column, at)| (column.name, value(at))).collect()
    }
}

/// A name as the spellings have it.
fn spelling(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn unquoted(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_layouts_have_what_is_wanted() {
        for kind in ChunkKind::ALL {
            for names in usual(kind) {
                let layout = Layout::of(kind, names).unwrap();
                assert!(layout.positions.iter().all(Option::is_some), "{kind:?}");
            }
        }
    }

    #[test]
    fn headers_are_understood_under_any_spelling() {
        let names = "Open time,Open,High,Low,Close,Volume,Close time,Quote asset volume,Number of trades,Taker buy base asset volume,Taker buy quote asset volume,Ignore";
        assert_eq!(Layout::of(ChunkKind::Klines, names), Layout::of(ChunkKind::Klines, KLINE_FILE));
        let unadjusted = Layout::of(ChunkKind::DailyBars, "Date,Open,High,Low,Close,Volume").unwrap();
        assert_eq!(unadjusted.positions.last(), Some(&None));
        let missing = Layout::of(ChunkKind::Trades, "id,price,time,is_buyer_maker").unwrap_err();
        assert_eq!(missing.name, "qty");
    }

    #[test]
    fn a_header_is_no_line_of_values() {
        assert!(is_header(b"\"Date\",\"Open\"\r\n") && is_header(b"open_time,open"));
        assert!(is_header("\u{feff}Date,Open".as_bytes()));
        assert!(!is_header(b"1723161240000,1") && !is_header(b"2024-08-08,1") && !is_header(b"\n"));
        assert_eq!(fields(b"1, \"b\" ,c\r\n").collect::<Vec<_>>(), [&b"1"[..], b"b", b"c"]);
    }
}
