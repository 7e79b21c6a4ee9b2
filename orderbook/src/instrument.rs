//! What a venue says of one trading pair.

use crate::decimal::{Price, Quantity, Scale};
use crate::symbol::Symbol;

/// Whether a venue trades a pair now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TradingStatus {
    #[default]
    Trading,
    /// Any other status (`HALT`, `BREAK`, `END_OF_DAY`, `CANCEL_ONLY`, …): the book stands still.
    Halted,
}

/// A trading pair with the scales at which its numbers are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instrument {
    pub symbol: Symbol,
    pub price_scale: Scale,
    pub quantity_scale: Scale,
    /// The smallest step between prices, in units of `price_scale`; at least 1.
    pub tick: Price,
    /// The smallest step between quantities (the lot step), in units of `quantity_scale`; at least 1.
    pub step: Quantity,
    pub status: TradingStatus,
}

impl Instrument {
    /// An instrument known only by the decimal places its numbers need, as recordings without `exchangeInfo` give it.
    #[must_use]
    pub const fn with_scales(symbol: Symbol, price_scale: Scale, quantity_scale: Scale) -> Self {
        Self {
            symbol,
            price_scale,
            quantity_scale,
            tick: Price(1),
            step: Quantity(1),
            status: TradingStatus::Trading,
        }
    }

    /// Whether numbers of `self` and `other` count the same units.
    #[must_use]
    pub fn same_scales(&self, other: &Self) -> bool {
        self.price_scale == other.price_scale && self.quantity_scale == other.quantity_scale
    }

    /// This instrument with scales no coarser than those of `before`, so that numbers counted so far stay exact when the
    /// venue makes a step coarser. `None` where a step does not fit.
    #[must_use]
    pub fn widened_to(self, before: &Self) -> Option<Self> {
        let price_scale = self.price_scale.max(before.price_scale);
        let quantity_scale = self.quantity_scale.max(before.quantity_scale);
        let tick = Price(self.price_scale.rescale(self.tick.0, price_scale)?);
        let step = Quantity(self.quantity_scale.rescale(self.step.0, quantity_scale)?);
        Some(Self { price_scale, quantity_scale, tick, step, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_never_get_coarser() {
        let scale = |decimals| Scale::new(decimals).unwrap();
        let symbol = Symbol::new("X").unwrap();
        let before = Instrument::with_scales(symbol, scale(3), scale(1));
        let after = Instrument::with_scales(symbol, scale(2), scale(4)).widened_to(&before).unwrap();
        assert_eq!((after.price_scale, after.tick), (scale(3), Price(10)));
        assert_eq!((after.quantity_scale, after.step), (scale(4), Quantity(1)));
    }
}
