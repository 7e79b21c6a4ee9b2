//! The best bid and ask as Python sees them.

use depthlake_engine::board::{BoardState, BoardTouch};
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::Level;
use pyo3::prelude::*;

/// The best bid and ask of one moment. A side that is empty is None.
#[pyclass(frozen, module = "depthlake")]
pub struct Touch(pub BoardTouch);

#[pymethods]
impl Touch {
    /// "live" if the book equals the venue's at `update_id`; else "waiting", "resyncing", "stale" or "halted".
    #[getter]
    fn state(&self) -> &'static str {
        state_name(self.0.state)
    }

    /// The venue's id of the last update applied.
    #[getter]
    fn update_id(&self) -> u64 {
        self.0.update_id.0
    }

    /// When this was written to the board, in nanoseconds since 1970 UTC.
    #[getter]
    fn publish_time(&self) -> i64 {
        self.0.publish_time.0
    }

    /// Decimal places of prices: `bid_price == bid_price_units / 10**price_scale`.
    #[getter]
    fn price_scale(&self) -> u8 {
        self.0.price_scale.decimals()
    }

    /// Decimal places of quantities.
    #[getter]
    fn quantity_scale(&self) -> u8 {
        self.0.quantity_scale.decimals()
    }

    #[getter]
    fn bid_price(&self) -> Option<f64> {
        price(self.0.bid, self.0.price_scale)
    }

    #[getter]
    fn bid_quantity(&self) -> Option<f64> {
        quantity(self.0.bid, self.0.quantity_scale)
    }

    #[getter]
    fn ask_price(&self) -> Option<f64> {
        price(self.0.ask, self.0.price_scale)
    }

    #[getter]
    fn ask_quantity(&self) -> Option<f64> {
        quantity(self.0.ask, self.0.quantity_scale)
    }

    /// The exact price, in units of `10**-price_scale`.
    #[getter]
    fn bid_price_units(&self) -> Option<i64> {
        Some(self.0.bid?.price.0)
    }

    /// The exact quantity, in units of `10**-quantity_scale`.
    #[getter]
    fn bid_quantity_units(&self) -> Option<i64> {
        Some(self.0.bid?.quantity.0)
    }

    /// The exact price, in units of `10**-price_scale`.
    #[getter]
    fn ask_price_units(&self) -> Option<i64> {
        Some(self.0.ask?.price.0)
    }

    /// The exact quantity, in units of `10**-quantity_scale`.
    #[getter]
    fn ask_quantity_units(&self) -> Option<i64> {
        Some(self.0.ask?.quantity.0)
    }

    fn __repr__(&self) -> String {
        let side = |level: Option<Level>| {
            level.map_or_else(
                || "nothing".to_owned(),
                |level| {
                    let quantity = self.0.quantity_scale.text(level.quantity.0);
                    format!("{quantity} @ {}", self.0.price_scale.text(level.price.0))
                },
            )
        };
        format!("<Touch {}: bid {}, ask {}>", self.state(), side(self.0.bid), side(self.0.ask))
    }
}

pub const fn state_name(state: BoardState) -> &'static str {
    match state {
        BoardState::Waiting => "waiting",
        BoardState::Live => "live",
        BoardState::Resyncing => "resyncing",
        BoardState::Stale => "stale",
        BoardState::Halted => "halted",
    }
}

fn price(level: Option<Level>, scale: Scale) -> Option<f64> {
    Some(scale.to_f64(level?.price.0))
}

fn quantity(level: Option<Level>, scale: Scale) -> Option<f64> {
    Some(scale.to_f64(level?.quantity.0))
}
