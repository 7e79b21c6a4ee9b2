//! `trade` and `aggTrade` of spot, USD-M and COIN-M.

use depthlake_orderbook::event::{Provenance, Taker, Trade, TradeId, TradeKind};
use depthlake_orderbook::instrument::Instrument;

use super::decimal::Numbers;
use super::text::Text;
use super::{Scanner, message};

impl Scanner {
    /// Scans a trade or an aggregate; `Some(None)` is a row that is no trade on the market.
    #[expect(
        clippy::option_option,
        reason = "the outer says whether the text was known, the inner is the answer"
    )]
    pub(in super::super) fn trade(
        &mut self,
        payload: &[u8],
        instrument: &Instrument,
        provenance: Provenance,
    ) -> Option<Option<Trade>> {
        self.with_numbers(instrument, |numbers| {
            message(payload, |text| {
                if text.accept(b"{\"e\":\"trade\",\"E\":") {
                    return single(text, numbers, provenance);
                }
                text.expect(b"{\"e\":\"aggTrade\",\"E\":")?;
                aggregate(text, numbers, provenance)
            })
        })
    }
}

#[expect(clippy::option_option, reason = "as in `trade`")]
fn single(text: &mut Text<'_>, numbers: &mut Numbers, provenance: Provenance) -> Option<Option<Trade>> {
    let event_time = text.time()?;
    let early_time = if text.accept(b",\"T\":") { Some(text.time()?) } else { None };
    text.expect(b",\"s\":")?;
    text.string()?;
    text.pass_string(b",\"ps\":")?;
    text.expect(b",\"t\":")?;
    let id = TradeId(text.number()?);
    text.expect(b",\"p\":\"")?;
    let price = numbers.price(text)?;
    text.expect(b",\"q\":\"")?;
    let quantity = numbers.quantity(text)?;
    // The order ids of buyer and seller, which spot sent until 2023.
    text.pass_number(b",\"b\":")?;
    text.pass_number(b",\"a\":")?;
    let trade_time = if let Some(time) = early_time {
        time
    } else {
        text.expect(b",\"T\":")?;
        text.time()?
    };
    let is_on_market = !text.accept(b",\"X\":") || text.string()? == b"MARKET";
    let taker = taker(text)?;
    let trade =
        Trade { id, kind: TradeKind::Trade, price, quantity, taker, trade_time, event_time, provenance };
    Some((is_on_market && !quantity.is_zero()).then_some(trade))
}

#[expect(clippy::option_option, reason = "as in `trade`")]
fn aggregate(text: &mut Text<'_>, numbers: &mut Numbers, provenance: Provenance) -> Option<Option<Trade>> {
    let event_time = text.time()?;
    // Futures have the id before the symbol, spot behind it.
    let early_id = if text.accept(b",\"a\":") { Some(text.number()?) } else { None };
    text.expect(b",\"s\":")?;
    text.string()?;
    let id = if let Some(id) = early_id {
        id
    } else {
        text.expect(b",\"a\":")?;
        text.number()?
    };
    text.expect(b",\"p\":\"")?;
    let price = numbers.price(text)?;
    text.expect(b",\"q\":\"")?;
    let quantity = numbers.quantity(text)?;
    text.pass_string(b",\"nq\":")?;
    text.expect(b",\"f\":")?;
    let first = TradeId(text.number()?);
    text.expect(b",\"l\":")?;
    let last = TradeId(text.number()?);
    text.expect(b",\"T\":")?;
    let trade_time = text.time()?;
    let taker = taker(text)?;
    let trade = Trade {
        id: TradeId(id),
        kind: TradeKind::Aggregate { first, last },
        price,
        quantity,
        taker,
        trade_time,
        event_time,
        provenance,
    };
    Some((!quantity.is_zero()).then_some(trade))
}

/// Reads the last members of a trade and the end of its object.
#[inline(always)]
fn taker(text: &mut Text<'_>) -> Option<Taker> {
    text.expect(b",\"m\":")?;
    let buyer_is_maker = text.boolean()?;
    // A flag that spot sends and whose meaning the venue keeps to itself.
    if text.accept(b",\"M\":") {
        text.boolean()?;
    }
    text.expect(b"}")?;
    Some(if buyer_is_maker { Taker::Seller } else { Taker::Buyer })
}
