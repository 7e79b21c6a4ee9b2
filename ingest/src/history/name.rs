//! What the name of an archive's file tells: `BTCUSDT-1m-2024-08-08.zip`.

use depthlake_orderbook::symbol::Symbol;

/// The parts of a name `SYMBOL-CONTENT-DATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArchiveName<'a> {
    pub(super) symbol: Symbol,
    /// An interval, as `1m`, or `trades` or `aggTrades`.
    pub(super) content: &'a str,
}

impl<'a> ArchiveName<'a> {
    /// Reads a file's name, with its extensions or without, and with folders before it or without.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let mut parts = stem(name).splitn(3, '-');
        let (symbol, content, date) = (parts.next()?, parts.next()?, parts.next()?);
        let is_date = !date.is_empty() && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let symbol = Symbol::new(symbol).ok().filter(|_| is_date)?;
        Some(Self { symbol, content })
    }
}

/// The name without folders and extensions.
pub(super) fn stem(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    without_extension(without_extension(name, ".zip"), ".csv")
}

fn without_extension<'a>(name: &'a str, extension: &str) -> &'a str {
    let split = name.len().checked_sub(extension.len()).and_then(|at| name.split_at_checked(at));
    split.filter(|(_, end)| end.eq_ignore_ascii_case(extension)).map_or(name, |(stem, _)| stem)
}

/// The symbol of a stock's file, which is its whole name: `AAPL.csv`.
pub(super) fn stock(name: &str) -> Option<Symbol> {
    Symbol::new(stem(name)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_archive_tell_symbol_and_content() {
        for (name, symbol, content) in [
            ("BTCUSDT-1m-2024-08-08.zip", "BTCUSDT", "1m"),
            ("BTCUSDT-aggTrades-2024-08.csv", "BTCUSDT", "aggTrades"),
            ("deep/er/BTCUSD_PERP-trades-2024-08-08.csv", "BTCUSD_PERP", "trades"),
        ] {
            let symbol = Symbol::new(symbol).unwrap();
            assert_eq!(ArchiveName::parse(name), Some(ArchiveName { symbol, content }), "{name}");
        }
        for name in ["BTCUSDT.csv", "BTCUSDT-1m.csv", "a b-1m-2024.csv", "x-1m-final.csv", ""] {
            assert_eq!(ArchiveName::parse(name), None, "{name}");
        }
        assert_eq!(stock("stocks/BRK-B.csv"), Symbol::new("BRK-B").ok());
        assert_eq!(stock("^GSPC.csv"), None);
    }
}
