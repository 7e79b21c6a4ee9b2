//! Names of streams, e.g. `btcusdt@depth@100ms`.

use crate::product::Product;

/// What a stream tells of its symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Diffs, every so many milliseconds.
    Depth {
        interval: u16,
    },
    /// The best levels, every so many milliseconds.
    PartialDepth {
        levels: u8,
        interval: u16,
    },
    BookTicker,
    Trade,
    AggregateTrade,
    Kline,
}

/// The intervals, in milliseconds, at which depth streams can be had; the first belongs to the bare `@depth`.
pub(super) const fn depth_intervals(product: Product) -> &'static [u16] {
    match product {
        Product::Spot => &[1000, 100],
        Product::UsdM | Product::CoinM => &[250, 0, 100, 500],
    }
}

/// How many levels the partial depth streams have.
pub(super) const PARTIAL_DEPTHS: [u8; 3] = [5, 10, 20];

impl Channel {
    /// The name of this channel's stream of a symbol in lower case.
    pub(super) fn stream_of(self, stream_symbol: &str, product: Product) -> String {
        let every = |interval: u16| match depth_intervals(product).first() {
            Some(usual) if *usual == interval => String::new(),
            _ => format!("@{interval}ms"),
        };
        match self {
            Self::Depth { interval } => format!("{stream_symbol}@depth{}", every(interval)),
            Self::PartialDepth { levels, interval } => {
                format!("{stream_symbol}@depth{levels}{}", every(interval))
            }
            Self::BookTicker => format!("{stream_symbol}@bookTicker"),
            Self::Trade => format!("{stream_symbol}@trade"),
            Self::AggregateTrade => format!("{stream_symbol}@aggTrade"),
            Self::Kline => format!("{stream_symbol}@kline_1m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_as_on_the_venue() {
        let name = |channel: Channel, product| channel.stream_of("btcusdt", product);
        assert_eq!(name(Channel::Depth { interval: 1000 }, Product::Spot), "btcusdt@depth");
        assert_eq!(name(Channel::Depth { interval: 100 }, Product::Spot), "btcusdt@depth@100ms");
        assert_eq!(name(Channel::Depth { interval: 250 }, Product::UsdM), "btcusdt@depth");
        assert_eq!(name(Channel::Depth { interval: 0 }, Product::UsdM), "btcusdt@depth@0ms");
        let partial = Channel::PartialDepth { levels: 20, interval: 100 };
        assert_eq!(name(partial, Product::Spot), "btcusdt@depth20@100ms");
    }
}
