//! The symbols of a recording and the scales at which its numbers are whole.

use std::collections::BTreeMap;

use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use serde_json::json;

use super::{Recording, RecordingError};
use crate::wire::{NeededScales, decode_instrument};

/// A symbol of a recording, with an entry of `exchangeInfo`: the venue's own, widened to what the numbers need, or one
/// made from the numbers alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedInstrument {
    pub instrument: Instrument,
    /// The entry as JSON, from which [`decode_instrument`] makes `instrument`.
    pub entry: String,
}

pub(super) fn scan(recording: &Recording) -> Result<Vec<RecordedInstrument>, RecordingError> {
    let mut needed: BTreeMap<Symbol, NeededScales> = BTreeMap::new();
    let mut text = Vec::new();
    // What cannot be read now will be met, and named, again when the recording is played.
    for frame in recording.frames_once()?.flatten() {
        let Some(symbol) = frame.envelope.symbol else { continue };
        let scales = needed.entry(symbol).or_default();
        let _ = scales.observe(frame.envelope.kind, &frame.payload, &mut text);
    }
    let known = known_instruments(recording)?;
    Ok(needed
        .into_iter()
        .filter_map(|(symbol, needed)| describe(symbol, needed, known.get(&symbol)))
        .collect())
}

fn known_instruments(recording: &Recording) -> Result<BTreeMap<Symbol, Instrument>, RecordingError> {
    let entries = recording.exchange_info()?;
    let instruments = entries.iter().filter_map(|entry| decode_instrument(entry.to_string().as_bytes()).ok());
    Ok(instruments.map(|instrument| (instrument.symbol, instrument)).collect())
}

fn describe(symbol: Symbol, needed: NeededScales, known: Option<&Instrument>) -> Option<RecordedInstrument> {
    let price_scale = known.map_or(needed.price, |known| known.price_scale.max(needed.price));
    let quantity_scale = known.map_or(needed.quantity, |known| known.quantity_scale.max(needed.quantity));
    let tick = known
        .filter(|known| known.price_scale == price_scale)
        .map_or_else(|| price_scale.text(1).to_string(), |known| price_scale.text(known.tick.0).to_string());
    let step = known.filter(|known| known.quantity_scale == quantity_scale).map_or_else(
        || quantity_scale.text(1).to_string(),
        |known| quantity_scale.text(known.step.0).to_string(),
    );
    let entry = json!({
        "symbol": symbol.as_str(),
        "status": "TRADING",
        "filters": [
            { "filterType": "PRICE_FILTER", "tickSize": tick },
            { "filterType": "LOT_SIZE", "stepSize": step },
        ],
    })
    .to_string();
    let instrument = decode_instrument(entry.as_bytes()).ok()?;
    Some(RecordedInstrument { instrument, entry })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn scales_are_those_of_the_numbers_and_of_exchange_info() {
        let folder = tempfile::tempdir().unwrap();
        let trade = |symbol: &str, price: &str| {
            format!(
                r#"1.5: {{"stream":"x@trade","data":{{"e":"trade","E":1,"T":1,"s":"{symbol}","t":1,"p":"{price}","q":"2.0","m":true}}}}"#
            )
        };
        fs::write(
            folder.path().join("ws.txt"),
            format!("{}\n{}\n", trade("AB", "1.250"), trade("CD", "1.5")),
        )
        .unwrap();
        let info = r#"https://v -> 1.0: {"symbols":[{"symbol":"CD","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.0050"}]}]}"#;
        fs::write(folder.path().join("exchange_info.txt"), info).unwrap();
        let found = Recording::open(folder.path()).unwrap().instruments().unwrap();
        let scales: Vec<_> = found
            .iter()
            .map(|found| {
                (
                    found.instrument.symbol.to_string(),
                    found.instrument.price_scale.decimals(),
                    found.instrument.tick.0,
                )
            })
            .collect();
        assert_eq!(scales, [("AB".to_owned(), 2, 1), ("CD".to_owned(), 3, 5)]);
    }
}
