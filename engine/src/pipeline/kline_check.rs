//! Compares bars with the venue's own.

use std::collections::BTreeMap;

use depthlake_ingest::wire::Kline;
use depthlake_orderbook::bars::Bar;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::time::Timestamp;

use super::Agreement;

/// The venue's latest bar of each minute, until ours has come as far. The venue prints bars while they grow; one that
/// spans the same trades as ours must be the same, closed or not.
#[derive(Debug, Clone, Default)]
pub(super) struct KlineCheck {
    waiting: BTreeMap<Timestamp, Kline>,
    agreement: Agreement,
}

impl KlineCheck {
    const MOST_WAITING: usize = 4;

    pub(super) const fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// Takes a bar of the venue, with ours of the same minute as it stands.
    pub(super) fn kline(&mut self, kline: Kline, ours: Option<&Bar>, instrument: &Instrument) {
        self.waiting.insert(kline.open_time, kline);
        if self.waiting.len() > Self::MOST_WAITING {
            self.waiting.pop_first();
        }
        if let Some(bar) = ours {
            self.bar(bar, instrument);
        }
    }

    /// Takes a bar of ours after a trade was added.
    pub(super) fn bar(&mut self, bar: &Bar, instrument: &Instrument) {
        let Some(kline) = self.waiting.get(&bar.open_time).filter(|kline| spans_same_trades(bar, kline))
        else {
            return;
        };
        if is_same(bar, kline, instrument) {
            self.agreement.agreed += 1;
        } else {
            self.agreement.disagreed += 1;
            tracing::warn!(?bar, ?kline, "a bar differs from the venue's own");
        }
        self.waiting.remove(&bar.open_time);
    }
}

fn spans_same_trades(bar: &Bar, kline: &Kline) -> bool {
    let bounds = [bar.first_trade.0, bar.last_trade.0].map(|id| i64::try_from(id).ok());
    bounds == [Some(kline.first_trade), Some(kline.last_trade)]
}

fn is_same(bar: &Bar, kline: &Kline, instrument: &Instrument) -> bool {
    (bar.open, bar.high, bar.low, bar.close) == (kline.open, kline.high, kline.low, kline.close)
        && bar.volume == i128::from(kline.volume.0)
        && bar.taker_buy_volume == i128::from(kline.taker_buy_volume.0)
        && same_quote_volume(bar, kline, instrument)
}

/// The venue prints quote volumes with [`Scale::MAX`] places; ours may have more, which must then be zeros.
fn same_quote_volume(bar: &Bar, kline: &Kline, instrument: &Instrument) -> bool {
    let places = |decimals: u8| 10_i128.pow(u32::from(decimals));
    let ours = places(instrument.price_scale.decimals() + instrument.quantity_scale.decimals());
    bar.quote_volume * places(Scale::MAX.decimals()) == i128::from(kline.quote_volume) * ours
}
