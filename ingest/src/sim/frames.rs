//! The JSON of the venue's messages, field by field in the order the venue has them.

use std::fmt::Write;

use depthlake_orderbook::time::Timestamp;

use super::bars::{Bar, Trade};
use super::depth::{Depth, DepthDiff, PriceLevel, Touch};
use super::listing::Listing;
use super::market::AggregateTrade;
use super::numbers::{TimeUnit, decimal, push_decimal};
use crate::product::Product;

/// Writes the messages of one symbol in one unit of time.
#[derive(Clone, Copy)]
pub(super) struct Frames<'a> {
    pub product: Product,
    pub listing: &'a Listing,
    pub unit: TimeUnit,
}

// Writing to a String cannot fail: results of `write!` are dropped.
impl Frames<'_> {
    pub(super) fn depth_diff(&self, diff: &DepthDiff) -> String {
        let mut out = self.depth_head(diff.time);
        let _ = write!(out, r#""U":{},"u":{},"#, diff.first_update_id, diff.last_update_id);
        if self.product != Product::Spot {
            let _ = write!(out, r#""pu":{},"#, diff.previous_update_id);
        }
        self.push_sides(&mut out, ["b", "a"], &diff.bids, &diff.asks);
        out.push('}');
        out
    }

    /// A message of a stream like `@depth20`: on spot a small snapshot, on futures a diff of the best levels.
    pub(super) fn partial_depth(&self, depth: &Depth, previous_update_id: u64) -> String {
        let id = depth.last_update_id;
        let mut out = match self.product {
            Product::Spot => format!(r#"{{"lastUpdateId":{id},"#),
            Product::UsdM | Product::CoinM => {
                let mut out = self.depth_head(depth.time);
                let _ = write!(out, r#""U":{id},"u":{id},"pu":{previous_update_id},"#);
                out
            }
        };
        let names = if self.product == Product::Spot { ["bids", "asks"] } else { ["b", "a"] };
        self.push_sides(&mut out, names, &depth.bids, &depth.asks);
        out.push('}');
        out
    }

    /// The answer to a REST depth request.
    pub(super) fn snapshot(&self, depth: &Depth) -> String {
        let mut out = format!(r#"{{"lastUpdateId":{},"#, depth.last_update_id);
        if self.product != Product::Spot {
            let time = self.unit.of(depth.time);
            let _ = write!(out, r#""E":{time},"T":{time},"#);
        }
        if self.product == Product::CoinM {
            let _ = write!(out, r#""symbol":"{}","pair":"{}","#, self.listing.symbol, self.listing.pair);
        }
        self.push_sides(&mut out, ["bids", "asks"], &depth.bids, &depth.asks);
        out.push('}');
        out
    }

    pub(super) fn book_ticker(&self, update_id: u64, touch: &Touch, time: Timestamp) -> String {
        let symbol = &self.listing.symbol;
        let time = self.unit.of(time);
        let quotes = format!(
            r#""b":"{}","B":"{}","a":"{}","A":"{}""#,
            self.price(touch.bid.0),
            self.quantity(touch.bid.1),
            self.price(touch.ask.0),
            self.quantity(touch.ask.1),
        );
        match self.product {
            Product::Spot => format!(r#"{{"u":{update_id},"s":"{symbol}",{quotes}}}"#),
            Product::UsdM => format!(
                r#"{{"e":"bookTicker","u":{update_id},"s":"{symbol}",{quotes},"T":{time},"E":{time}}}"#
            ),
            Product::CoinM => format!(
                r#"{{"u":{update_id},"e":"bookTicker","s":"{symbol}","ps":"{}",{quotes},"T":{time},"E":{time}}}"#,
                self.listing.pair
            ),
        }
    }

    pub(super) fn trade(&self, trade: &Trade) -> String {
        let symbol = &self.listing.symbol;
        let time = self.unit.of(trade.time);
        let Trade { id, buyer_is_maker: maker, .. } = trade;
        let (price, quantity) = (self.price(trade.price), self.quantity(trade.quantity));
        match self.product {
            Product::Spot => format!(
                r#"{{"e":"trade","E":{time},"s":"{symbol}","t":{id},"p":"{price}","q":"{quantity}","T":{time},"m":{maker},"M":true}}"#
            ),
            Product::UsdM | Product::CoinM => {
                let pair = self.pair_field();
                format!(
                    r#"{{"e":"trade","E":{time},"T":{time},"s":"{symbol}",{pair}"t":{id},"p":"{price}","q":"{quantity}","X":"MARKET","m":{maker}}}"#
                )
            }
        }
    }

    pub(super) fn aggregate_trade(&self, trade: &AggregateTrade) -> String {
        let symbol = &self.listing.symbol;
        let time = self.unit.of(trade.time);
        let AggregateTrade { id, first_trade, last_trade, buyer_is_maker: maker, .. } = trade;
        let rest = format!(
            r#""p":"{}","q":"{}","f":{first_trade},"l":{last_trade},"T":{time},"m":{maker}"#,
            self.price(trade.price),
            self.quantity(trade.quantity),
        );
        match self.product {
            Product::Spot => {
                format!(r#"{{"e":"aggTrade","E":{time},"s":"{symbol}","a":{id},{rest},"M":true}}"#)
            }
            Product::UsdM | Product::CoinM => {
                format!(r#"{{"e":"aggTrade","E":{time},"a":{id},"s":"{symbol}",{rest}}}"#)
            }
        }
    }

    /// A kline message; `closed` says that the minute is over.
    pub(super) fn kline(&self, bar: &Bar, closed: bool, time: Timestamp) -> String {
        let symbol = &self.listing.symbol;
        let [open, high, low, close] =
            [bar.open, bar.high, bar.low, bar.close].map(|price| self.price(price));
        let (first, last) = bar.trade_ids.map_or_else(
            || ("-1".to_owned(), "-1".to_owned()),
            |(first, last)| (first.to_string(), last.to_string()),
        );
        format!(
            concat!(
                r#"{{"e":"kline","E":{time},"s":"{symbol}","k":{{"t":{start},"T":{end},"s":"{symbol}","i":"1m","#,
                r#""f":{first},"L":{last},"o":"{open}","c":"{close}","h":"{high}","l":"{low}","v":"{volume}","#,
                r#""n":{trades},"x":{closed},"q":"{quote}","V":"{taker}","Q":"{taker_quote}","B":"0"}}}}"#
            ),
            time = self.unit.of(time),
            symbol = symbol,
            start = self.unit.of(bar.open_time),
            end = self.unit.before(bar.open_time.next_minute()),
            first = first,
            last = last,
            open = open,
            close = close,
            high = high,
            low = low,
            volume = self.quantity(bar.volume),
            trades = bar.trades,
            closed = closed,
            quote = self.quote_quantity(bar.quote_volume),
            taker = self.quantity(bar.taker_buy_volume),
            taker_quote = self.quote_quantity(bar.taker_buy_quote_volume),
        )
    }

    /// One row of the answer to a REST kline request.
    pub(super) fn kline_row(&self, bar: &Bar) -> String {
        format!(
            r#"[{},"{}","{}","{}","{}","{}",{},"{}",{},"{}","{}","0"]"#,
            self.unit.of(bar.open_time),
            self.price(bar.open),
            self.price(bar.high),
            self.price(bar.low),
            self.price(bar.close),
            self.quantity(bar.volume),
            self.unit.before(bar.open_time.next_minute()),
            self.quote_quantity(bar.quote_volume),
            bar.trades,
            self.quantity(bar.taker_buy_volume),
            self.quote_quantity(bar.taker_buy_quote_volume),
        )
    }

    /// One row of the answer to a REST trades request.
    pub(super) fn trade_row(&self, trade: &Trade) -> String {
        let best = if self.product == Product::Spot { r#","isBestMatch":true"# } else { "" };
        format!(
            r#"{{"id":{},"price":"{}","qty":"{}","quoteQty":"{}","time":{},"isBuyerMaker":{}{best}}}"#,
            trade.id,
            self.price(trade.price),
            self.quantity(trade.quantity),
            self.quote_quantity(i128::from(trade.price) * i128::from(trade.quantity)),
            self.unit.of(trade.time),
            trade.buyer_is_maker,
        )
    }

    /// One row of the answer to a REST aggregate trades request.
    pub(super) fn aggregate_row(&self, trade: &AggregateTrade) -> String {
        let best = if self.product == Product::Spot { r#","M":true"# } else { "" };
        format!(
            r#"{{"a":{},"p":"{}","q":"{}","f":{},"l":{},"T":{},"m":{}{best}}}"#,
            trade.id,
            self.price(trade.price),
            self.quantity(trade.quantity),
            trade.first_trade,
            trade.last_trade,
            self.unit.of(trade.time),
            trade.buyer_is_maker,
        )
    }

    fn depth_head(&self, time: Timestamp) -> String {
        let time = self.unit.of(time);
        let symbol = &self.listing.symbol;
        let mut out = String::with_capacity(1024);
        let _ = match self.product {
            Product::Spot => write!(out, r#"{{"e":"depthUpdate","E":{time},"s":"{symbol}","#),
            Product::UsdM | Product::CoinM => {
                let pair = self.pair_field();
                write!(out, r#"{{"e":"depthUpdate","E":{time},"T":{time},"s":"{symbol}",{pair}"#)
            }
        };
        out
    }

    /// COIN-M messages name the pair too.
    fn pair_field(&self) -> String {
        match self.product {
            Product::CoinM => format!(r#""ps":"{}","#, self.listing.pair),
            Product::Spot | Product::UsdM => String::new(),
        }
    }

    fn push_sides(&self, out: &mut String, names: [&str; 2], bids: &[PriceLevel], asks: &[PriceLevel]) {
        let [bid_name, ask_name] = names;
        let _ = write!(out, r#""{bid_name}":"#);
        self.push_levels(out, bids);
        let _ = write!(out, r#","{ask_name}":"#);
        self.push_levels(out, asks);
    }

    fn push_levels(&self, out: &mut String, levels: &[PriceLevel]) {
        out.push('[');
        for (index, (price, quantity)) in levels.iter().enumerate() {
            out.push_str(if index == 0 { r#"[""# } else { r#",[""# });
            let Listing { price_scale, price_decimals, quantity_scale, quantity_decimals, .. } =
                *self.listing;
            push_decimal(out, i128::from(*price), price_scale, price_decimals);
            out.push_str(r#"",""#);
            push_decimal(out, i128::from(*quantity), quantity_scale, quantity_decimals);
            out.push_str(r#""]"#);
        }
        out.push(']');
    }

    fn price(&self, units: i64) -> String {
        decimal(i128::from(units), self.listing.price_scale, self.listing.price_decimals)
    }

    fn quantity(&self, units: impl Into<i128>) -> String {
        decimal(units.into(), self.listing.quantity_scale, self.listing.quantity_decimals)
    }

    /// A sum of price times quantity.
    fn quote_quantity(&self, units: i128) -> String {
        let Listing { price_scale, price_decimals, quantity_scale, quantity_decimals, .. } = self.listing;
        let decimals = (price_decimals + quantity_decimals).min(8);
        decimal(units, price_scale + quantity_scale, decimals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::spec::market_for;

    const DIFF_TIME: Timestamp = Timestamp::from_milliseconds(1_723_161_255_308);

    fn diff() -> DepthDiff {
        DepthDiff {
            first_update_id: 50_093_239_203,
            last_update_id: 50_093_239_207,
            previous_update_id: 50_093_239_202,
            time: DIFF_TIME,
            bids: vec![(5_565_387_000_000, 0)],
            asks: vec![(6_183_804_000_000, 32_332_000)],
        }
    }

    /// Lines as the recordings have them.
    #[test]
    fn messages_look_as_on_the_venue() {
        let spot = Listing::of(&market_for("BTCUSDT").unwrap(), Product::Spot);
        let frames = Frames { product: Product::Spot, listing: &spot, unit: TimeUnit::Milliseconds };
        assert_eq!(
            frames.depth_diff(&diff()),
            r#"{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":50093239203,"u":50093239207,"b":[["55653.87000000","0.00000000"]],"a":[["61838.04000000","0.32332000"]]}"#
        );
        let trade = Trade {
            id: 3_735_683_259,
            price: 6_183_763_000_000,
            quantity: 2_000_000,
            time: DIFF_TIME,
            buyer_is_maker: true,
        };
        assert_eq!(
            frames.trade(&trade),
            r#"{"e":"trade","E":1723161255308,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255308,"m":true,"M":true}"#
        );
    }

    #[test]
    fn futures_name_their_own_fields() {
        let listing = Listing::of(&market_for("BTCUSD_PERP").unwrap(), Product::CoinM);
        let frames = Frames { product: Product::CoinM, listing: &listing, unit: TimeUnit::Microseconds };
        let mut diff = diff();
        diff.bids = vec![(6_177_360_000_000, 100_100_000_000)];
        diff.asks.clear();
        assert_eq!(
            frames.depth_diff(&diff),
            r#"{"e":"depthUpdate","E":1723161255308000,"T":1723161255308000,"s":"BTCUSD_PERP","ps":"BTCUSD","U":50093239203,"u":50093239207,"pu":50093239202,"b":[["61773.6","1001"]],"a":[]}"#
        );
        let touch =
            Touch { bid: (6_180_470_000_000, 3_500_000_000), ask: (6_180_480_000_000, 164_500_000_000) };
        assert_eq!(
            frames.book_ticker(1_007_198_632_021, &touch, DIFF_TIME),
            r#"{"u":1007198632021,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161255308000,"E":1723161255308000}"#
        );
    }
}
