//! What the venue says of a symbol: its names, its grid, its status.

use super::numbers::{UNIT_SCALE, UNITS_PER_ONE};
use super::spec::MarketSpec;
use crate::product::Product;

/// A symbol as the venue shows it. Tick and lot are counted like prices and quantities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    pub symbol: String,
    /// The symbol as stream names have it.
    pub stream_symbol: String,
    /// The pair of a futures contract, e.g. `BTCUSD` of `BTCUSD_PERP`.
    pub pair: String,
    pub base: String,
    pub quote: String,
    pub tick_units: i64,
    pub lot_units: i64,
    /// Prices are counted in 10⁻ˢ, where s is this.
    pub price_scale: u8,
    pub quantity_scale: u8,
    /// Decimal places with which prices and quantities are printed.
    pub price_decimals: u8,
    pub quantity_decimals: u8,
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Trading,
    Halt,
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Trading => "TRADING",
            Self::Halt => "HALT",
        }
    }
}

impl Listing {
    pub(super) fn of(spec: &MarketSpec, product: Product) -> Self {
        let mut listing = Self {
            symbol: spec.symbol.clone(),
            stream_symbol: spec.symbol.to_ascii_lowercase(),
            pair: spec.symbol.split('_').next().unwrap_or_default().to_owned(),
            base: spec.base.clone(),
            quote: spec.quote.clone(),
            tick_units: spec.tick_units,
            lot_units: spec.lot_units,
            price_scale: UNIT_SCALE,
            quantity_scale: UNIT_SCALE,
            price_decimals: 8,
            quantity_decimals: 8,
            status: Status::Trading,
        };
        if product != Product::Spot {
            listing.price_decimals = decimals_of(spec.tick_units);
            listing.quantity_decimals = decimals_of(spec.lot_units);
        }
        listing
    }

    /// Makes the tick `factor` times finer; false where it would be finer than the venue can print.
    pub(super) fn refine(&mut self, factor: i64) -> bool {
        if self.tick_units % factor != 0 {
            return false;
        }
        self.tick_units /= factor;
        self.price_decimals = self.price_decimals.max(decimals_of(self.tick_units));
        true
    }
}

/// Decimal places a multiple of `units` needs.
pub(super) fn decimals_of(units: i64) -> u8 {
    (0..8).find(|places| units % (UNITS_PER_ONE / 10_i64.pow(u32::from(*places))) == 0).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::spec::market_for;

    #[test]
    fn spot_prints_eight_places_and_futures_what_they_need() {
        let spec = market_for("BTCUSDT").unwrap();
        let spot = Listing::of(&spec, Product::Spot);
        assert_eq!((spot.price_decimals, spot.quantity_decimals), (8, 8));
        let mut futures = Listing::of(&spec, Product::UsdM);
        assert_eq!((futures.price_decimals, futures.quantity_decimals), (2, 5));
        assert!(futures.refine(10));
        assert_eq!((futures.price_decimals, futures.tick_units), (3, 100_000));
        assert!(!Listing::of(&market_for("SHIBUSDT").unwrap(), Product::Spot).refine(10));
    }
}
