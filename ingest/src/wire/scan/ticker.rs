//! `bookTicker` of spot, USD-M and COIN-M.

use depthlake_orderbook::event::{BookTicker, Level, Touch, UpdateId};
use depthlake_orderbook::instrument::Instrument;

use super::decimal::Numbers;
use super::text::Text;
use super::{Scanner, message};

impl Scanner {
    pub(in super::super) fn book_ticker(
        &mut self,
        payload: &[u8],
        instrument: &Instrument,
    ) -> Option<BookTicker> {
        self.with_numbers(instrument, |numbers| message(payload, |text| event(text, numbers)))
    }
}

#[inline(always)]
fn event(text: &mut Text<'_>, numbers: &mut Numbers) -> Option<BookTicker> {
    text.expect(b"{")?;
    // USD-M has its name first, COIN-M second, spot none.
    let is_named = text.accept(b"\"e\":\"bookTicker\",");
    text.expect(b"\"u\":")?;
    let update_id = UpdateId(text.number()?);
    if !is_named {
        text.accept(b",\"e\":\"bookTicker\"");
    }
    text.expect(b",\"s\":")?;
    text.string()?;
    text.pass_string(b",\"ps\":")?;
    text.expect(b",\"b\":\"")?;
    let bid_price = numbers.price(text)?;
    text.expect(b",\"B\":\"")?;
    let bid_quantity = numbers.quantity(text)?;
    text.expect(b",\"a\":\"")?;
    let ask_price = numbers.price(text)?;
    text.expect(b",\"A\":\"")?;
    let ask_quantity = numbers.quantity(text)?;
    text.pass_number(b",\"T\":")?;
    text.pass_number(b",\"E\":")?;
    text.expect(b"}")?;
    let bid = Level { price: bid_price, quantity: bid_quantity };
    let ask = Level { price: ask_price, quantity: ask_quantity };
    Some(BookTicker { update_id, touch: Touch { bid, ask } })
}
