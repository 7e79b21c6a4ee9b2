//! `depthUpdate` of spot, USD-M and COIN-M.

use depthlake_orderbook::event::{DepthUpdate, Level, Provenance, UpdateId};
use depthlake_orderbook::instrument::Instrument;

use super::decimal::Numbers;
use super::text::Text;
use super::{Scanner, message};

impl Scanner {
    /// Scans a depth event into `update`, which holds no event after `None`.
    pub(in super::super) fn depth(
        &mut self,
        payload: &[u8],
        instrument: &Instrument,
        provenance: Provenance,
        update: &mut DepthUpdate,
    ) -> Option<()> {
        update.provenance = provenance;
        self.with_numbers(instrument, |numbers| message(payload, |text| event(text, numbers, update)))
    }
}

#[inline(always)]
fn event(text: &mut Text<'_>, numbers: &mut Numbers, update: &mut DepthUpdate) -> Option<()> {
    text.expect(b"{\"e\":\"depthUpdate\",\"E\":")?;
    update.event_time = text.time()?;
    text.pass_number(b",\"T\":")?;
    text.expect(b",\"s\":")?;
    text.string()?;
    text.pass_string(b",\"ps\":")?;
    text.expect(b",\"U\":")?;
    update.first = UpdateId(text.number()?);
    text.expect(b",\"u\":")?;
    update.last = UpdateId(text.number()?);
    if update.last < update.first {
        return None;
    }
    update.previous = if text.accept(b",\"pu\":") { Some(UpdateId(text.number()?)) } else { None };
    text.expect(b",\"b\":")?;
    side(text, numbers, &mut update.bids)?;
    text.expect(b",\"a\":")?;
    side(text, numbers, &mut update.asks)?;
    text.expect(b"}")
}

/// Reads `[["price","quantity"],…]`, or `[]`.
#[inline(never)]
fn side(text: &mut Text<'_>, numbers: &mut Numbers, levels: &mut Vec<Level>) -> Option<()> {
    levels.clear();
    if text.accept(b"[]") {
        return Some(());
    }
    let mut here = *text;
    here.expect(b"[[\"")?;
    loop {
        let price = numbers.price(&mut here)?;
        here.expect(b",\"")?;
        let quantity = numbers.quantity(&mut here)?;
        levels.push(Level { price, quantity });
        if !here.accept(b"],[\"") {
            here.expect(b"]]")?;
            *text = here;
            return Some(());
        }
    }
}
