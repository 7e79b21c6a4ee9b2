//! From a chunk to the records it gives.

use depthlake_orderbook::history::{Chunk, ChunkKind, Records, RefusedLine};
use depthlake_orderbook::record::DeadLetterReason;
use serde_json::value::RawValue;

use super::columns::{Layout, fields, is_header};
use super::records::{Refusal, Values, aggregate_trade, daily_bar, single_trade, venue_bar};

/// The records of a chunk, in its order. They depend on the chunk alone, so one that was kept gives them again.
#[must_use]
pub fn derive(chunk: &Chunk) -> Records {
    let mut derivation = Derivation { chunk, records: Records::default() };
    match chunk.kind {
        ChunkKind::KlinesAnswer => derivation.answer(),
        _ => derivation.lines(),
    }
    derivation.records
}

struct Derivation<'a> {
    chunk: &'a Chunk,
    records: Records,
}

impl Derivation<'_> {
    fn lines(&mut self) {
        let layout = match Layout::of(self.chunk.kind, &self.chunk.columns) {
            Ok(layout) => layout,
            Err(missing) => {
                let detail = format!("column {} is missing, expected {}", missing.name, missing.expected);
                let refusal = Refusal::new(DeadLetterReason::Malformed, detail);
                return self.refuse(self.chunk.first_line, &self.chunk.payload, refusal);
            }
        };
        let lines = self.chunk.payload.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in (self.chunk.first_line..).zip(lines) {
            let is_blank = line.trim_ascii().is_empty();
            if is_blank || (number == 1 && is_header(line)) {
                continue;
            }
            if let Err(refusal) = self.line(&layout, line) {
                self.refuse(number, line, refusal);
            }
        }
    }

    fn line(&mut self, layout: &Layout, line: &[u8]) -> Result<(), Refusal> {
        let fields: Vec<_> = fields(line).collect();
        if fields.len() != layout.width {
            let detail = format!("{} columns, expected {}", fields.len(), layout.width);
            return Err(Refusal::new(DeadLetterReason::Malformed, detail));
        }
        self.record(Values::new(layout.pick(&fields)))
    }

    fn record(&mut self, values: Values<'_>) -> Result<(), Refusal> {
        let records = &mut self.records;
        let is_empty = match self.chunk.kind {
            ChunkKind::Klines | ChunkKind::KlinesAnswer => keep(venue_bar(values)?, &mut records.bars),
            ChunkKind::AggregateTrades => keep(aggregate_trade(values)?, &mut records.trades),
            ChunkKind::Trades => keep(single_trade(values)?, &mut records.trades),
            ChunkKind::DailyBars => keep(daily_bar(values)?, &mut records.daily_bars),
        };
        records.empty += u64::from(is_empty);
        Ok(())
    }

    /// An answer of the REST interface: an array of arrays, in the order of the file's columns.
    fn answer(&mut self) {
        let payload = &self.chunk.payload;
        let rows: Vec<&RawValue> = match serde_json::from_slice(payload) {
            Ok(rows) => rows,
            Err(error) => {
                let detail = format!("{error}, expected an array of arrays");
                return self.refuse(
                    self.chunk.first_line,
                    payload,
                    Refusal::new(DeadLetterReason::Malformed, detail),
                );
            }
        };
        for (number, row) in (self.chunk.first_line..).zip(rows) {
            if let Err(refusal) = self.row(row) {
                self.refuse(number, row.get().as_bytes(), refusal);
            }
        }
    }

    fn row(&mut self, row: &RawValue) -> Result<(), Refusal> {
        let cells: Vec<&RawValue> = serde_json::from_str(row.get())
            .map_err(|error| Refusal::new(DeadLetterReason::WrongType, error.to_string()))?;
        let cells: Vec<_> = cells.iter().map(|cell| cell.get().trim_matches('"').as_bytes()).collect();
        let layout = answer_layout();
        if cells.len() < layout.len() {
            let detail = format!("{} values, expected at least {}", cells.len(), layout.len());
            return Err(Refusal::new(DeadLetterReason::WrongType, detail));
        }
        let values = layout.iter().zip(cells).map(|(name, cell)| (*name, Some(cell))).collect();
        self.record(Values::new(values))
    }

    fn refuse(&mut self, line: u64, bytes: &[u8], refusal: Refusal) {
        let Refusal { reason, detail } = refusal;
        let source = &self.chunk.source;
        let of = if source.member.is_empty() { String::new() } else { format!("/{}", source.member) };
        let detail = format!("{}{of} line {line}: {detail}", source.name);
        self.records.refused.push(RefusedLine { line, reason, detail, bytes: bytes.to_vec() });
    }
}

/// The values of an answer's row, in their order; what follows is not used.
const fn answer_layout() -> [&'static str; 11] {
    [
        "open_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "close_time",
        "quote_volume",
        "count",
        "taker_buy_volume",
        "taker_buy_quote_volume",
    ]
}

/// Keeps a record, and says whether there was none.
fn keep<T>(record: Option<T>, records: &mut Vec<T>) -> bool {
    let is_empty = record.is_none();
    records.extend(record);
    is_empty
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::event::{Taker, TradeId, TradeKind};
    use depthlake_orderbook::history::{DailyBar, HistoricalTrade, Source, VenueBar};
    use depthlake_orderbook::symbol::Symbol;
    use depthlake_orderbook::time::Timestamp;

    use super::super::columns::usual;
    use super::*;

    fn chunk(kind: ChunkKind, columns: &str, payload: &str) -> Chunk {
        let source =
            Source { name: "file.zip".to_owned(), member: "file.csv".to_owned(), sha256: "00".to_owned() };
        Chunk {
            kind,
            symbol: Symbol::new("BTCUSDT").unwrap(),
            source,
            first_line: 1,
            lines: payload.lines().count() as u64,
            columns: columns.to_owned(),
            received: Timestamp(0),
            payload: payload.as_bytes().to_vec(),
        }
    }

    fn usual_chunk(kind: ChunkKind, payload: &str) -> Records {
        derive(&chunk(kind, usual(kind).first().copied().unwrap_or_default(), payload))
    }

    const BAR: &str = "1723161240000,61800.01,61850.00,61790.5,61840.00000000,12.5,1723161299999,772500.25,321,6.25,386000.125,0";

    fn bar() -> VenueBar {
        VenueBar {
            open_time: Timestamp::from_milliseconds(1_723_161_240_000),
            open: 6_180_001_000_000,
            high: 6_185_000_000_000,
            low: 6_179_050_000_000,
            close: 6_184_000_000_000,
            volume: 1_250_000_000,
            quote_volume: 7_725_002_500_000_000_000_000,
            trades: 321,
            taker_buy_volume: 625_000_000,
            taker_buy_quote_volume: 3_860_001_250_000_000_000_000,
        }
    }

    #[test]
    fn bars_in_milliseconds_and_microseconds_are_the_same() {
        let microseconds = BAR.replace("1240000,", "1240000000,").replace("1299999,", "1299999999,");
        let header = usual(ChunkKind::Klines)[0];
        for text in [BAR.to_owned(), microseconds, format!("{header}\r\n{BAR}\r\n"), format!("\n{BAR}\n\n")] {
            let records = usual_chunk(ChunkKind::Klines, &text);
            assert_eq!((records.bars, records.refused), (vec![bar()], vec![]), "{text}");
        }
    }

    #[test]
    fn an_answer_says_the_same_as_a_file() {
        let answer = r#"[[1723161240000,"61800.01","61850.00","61790.5","61840.00000000","12.5",1723161299999,"772500.25",321,"6.25","386000.125","0"],
            [1723161300000,"1","1","1","1","0",1723161359999,"0",0,"0","0","0"],[1723161360000,"1"],7]"#;
        let records = usual_chunk(ChunkKind::KlinesAnswer, answer);
        assert_eq!((records.bars, records.empty), (vec![bar()], 1));
        let details: Vec<_> = records.refused.iter().map(|line| (line.line, line.detail.as_str())).collect();
        assert_eq!(details[0], (3, "file.zip/file.csv line 3: 2 values, expected at least 11"));
        assert_eq!((details.len(), details[1].0), (2, 4));
        let error = r#"{"code":-1121,"msg":"Invalid symbol."}"#;
        assert_eq!(usual_chunk(ChunkKind::KlinesAnswer, error).refused.len(), 1);
    }

    #[test]
    fn trades_and_aggregates_are_told_apart() {
        let aggregates =
            "7,61800.5,0.25,3,4,1723161240123,True,True\n8,61800.5,0,5,5,1723161240123,False,True\n";
        let records = usual_chunk(ChunkKind::AggregateTrades, aggregates);
        let expected = HistoricalTrade {
            id: TradeId(7),
            kind: TradeKind::Aggregate { first: TradeId(3), last: TradeId(4) },
            price: 6_180_050_000_000,
            quantity: 25_000_000,
            taker: Taker::Seller,
            trade_time: Timestamp::from_milliseconds(1_723_161_240_123),
        };
        assert_eq!((&records.trades[..], records.empty), (&[expected][..], 1));
        let futures =
            "id,price,qty,quote_qty,time,is_buyer_maker\n3,61800.5,0.25,15450.125,1723161240123,false\n";
        let records =
            derive(&chunk(ChunkKind::Trades, "id,price,qty,quote_qty,time,is_buyer_maker", futures));
        let single =
            HistoricalTrade { id: TradeId(3), kind: TradeKind::Trade, taker: Taker::Buyer, ..expected };
        assert_eq!((records.trades, records.refused), (vec![single], vec![]));
    }

    #[test]
    fn days_of_stocks_keep_every_digit() {
        let text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-08-08,170.029999,172.5,169.05,171.52000427246094,170.9,123456\n2024-08-09,null,null,null,null,null,null\n";
        let records = usual_chunk(ChunkKind::DailyBars, text);
        let day = DailyBar {
            day: Timestamp::from_milliseconds(1_723_075_200_000),
            open: 170_029_999_000_000_000_000,
            high: 172_500_000_000_000_000_000,
            low: 169_050_000_000_000_000_000,
            close: 171_520_004_272_460_940_000,
            adjusted_close: Some(170_900_000_000_000_000_000),
            volume: 12_345_600_000_000,
        };
        assert_eq!((records.daily_bars, records.empty), (vec![day], 1));
        assert_eq!(records.refused, vec![]);
    }

    #[test]
    fn bad_lines_say_where_and_why_and_stop_nothing() {
        let lines = [
            (BAR.replace("61850.00", "abc"), "column high is \"abc\": not a plain decimal number"),
            (
                BAR.replace("61850.00", "61800.000000001"),
                "column high is \"61800.000000001\": has digits finer than 8 decimal places",
            ),
            (BAR.replace("61850.00", "-1"), "column high is \"-1\", expected no negative number"),
            (BAR.replace("61850.00", "61800"), "open and close do not lie between low and high"),
            (BAR.replace(",321,", ",3.5,"), "column count is \"3.5\", expected a whole number"),
            (
                BAR.replace("1299999,", "1359999,"),
                "open_time 1723161240000 ms and close_time 1723161359999 ms are not the ends of a minute",
            ),
            (BAR.replace(",6.25,", ",13,"), "takers bought more than was traded"),
            (BAR.replace(",0", ""), "11 columns, expected 12"),
            ("garbage \u{0}".to_owned(), "1 columns, expected 12"),
        ];
        for (line, expected) in &lines {
            let records = usual_chunk(ChunkKind::Klines, &format!("{BAR}\n{line}\n{BAR}\n"));
            assert_eq!(records.bars, [bar(), bar()], "{line}");
            let refused: Vec<_> = records.refused.iter().map(|line| line.detail.as_str()).collect();
            assert_eq!(refused, [format!("file.zip/file.csv line 2: {expected}")]);
            assert_eq!(records.refused[0].bytes, format!("{line}\n").into_bytes());
        }
        let other = derive(&chunk(ChunkKind::Klines, "a,b", BAR));
        assert_eq!((other.bars.len(), other.refused.len()), (0, 1));
    }
}
