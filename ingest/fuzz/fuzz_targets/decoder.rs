//! The decoder, which scans, gives what the general one gives: the same event, or the same refusal.
//!
//! The first three bytes of an input are the scales of price and quantity and the decimals of the number before.
#![no_main]

use depthlake_ingest::wire::{Decoder, GeneralDecoder};
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::Provenance;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(([price, quantity, before], payload)) = input.split_first_chunk() else { return };
    let scale = |byte: &u8| Scale::new(byte % 9).expect("there are nine scales");
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    let instrument = Instrument::with_scales(symbol, scale(price), scale(quantity));
    let provenance = Provenance { received: Timestamp(1), offset: 2 };
    let mut decoder = Decoder::default();
    let mut general = GeneralDecoder::default();
    let _ = decoder.book_ticker(ticker_with_decimals(usize::from(before % 9)).as_bytes(), &instrument);

    assert_eq!(
        decoder.depth(payload, &instrument, provenance),
        general.depth(payload, &instrument, provenance)
    );
    assert_eq!(
        decoder.trade(payload, &instrument, provenance),
        general.trade(payload, &instrument, provenance)
    );
    assert_eq!(decoder.book_ticker(payload, &instrument), general.book_ticker(payload, &instrument));
});

/// A book ticker after which the decoder expects numbers of so many decimals.
fn ticker_with_decimals(decimals: usize) -> String {
    let zero = if decimals == 0 { "0".to_owned() } else { format!("0.{:0decimals$}", 0) };
    format!(r#"{{"u":1,"s":"BTCUSDT","b":"{zero}","B":"{zero}","a":"{zero}","A":"{zero}"}}"#)
}
