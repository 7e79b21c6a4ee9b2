//! Everything a slot holds at one moment, as Python sees it.

use depthlake_engine::board::{BoardRow, FeedCounters, LastTrade};
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::Taker;
use depthlake_orderbook::features;
use depthlake_orderbook::symbol::Symbol;
use numpy::PyArray2;
use pyo3::prelude::*;

use crate::arrays;
use crate::touch::state_name;

/// One whole book at one moment: both sides, features, last trade and counters are of the same write.
#[pyclass(frozen, module = "depthlake")]
pub struct Book {
    pub symbol: Symbol,
    pub row: BoardRow,
}

/// Derived figures; None stands for what reaches beyond the part of the book that is known.
#[pyclass(frozen, get_all, module = "depthlake")]
pub struct Features {
    /// (bid + ask) / 2, in quote currency.
    mid: f64,
    /// ask - bid, in quote currency.
    spread: f64,
    /// Spread over mid, in basis points.
    spread_bps: f64,
    /// Mid weighted by the opposite side's quantity, in quote currency.
    microprice: f64,
    /// Of the best 1, 5, 10 and 20 levels, from -1 (only asks) to 1 (only bids).
    imbalance: (Option<f64>, Option<f64>, Option<f64>, Option<f64>),
    /// What rests on the bid side within 5, 10 and 25 basis points of mid, in quote currency.
    bid_depth: (Option<f64>, Option<f64>, Option<f64>),
    /// The same of the ask side.
    ask_depth: (Option<f64>, Option<f64>, Option<f64>),
}

/// The last trade.
#[pyclass(frozen, get_all, module = "depthlake")]
pub struct Trade {
    price: f64,
    quantity: f64,
    /// In units of `10**-price_scale`.
    price_units: i64,
    /// In units of `10**-quantity_scale`.
    quantity_units: i64,
    /// Who crossed the spread: "buyer" or "seller".
    taker: &'static str,
    /// When it was made, in nanoseconds since 1970 UTC.
    time: i64,
}

/// What has happened to a symbol's feed since the writer started.
#[pyclass(frozen, get_all, module = "depthlake")]
pub struct Counters {
    events_applied: u64,
    gaps: u64,
    resyncs: u64,
    dead_letters: u64,
    ticker_agreements: u64,
    ticker_disagreements: u64,
}

#[pymethods]
impl Book {
    #[getter]
    fn symbol(&self) -> &str {
        self.symbol.as_str()
    }

    /// "live" if the book equals the venue's at `update_id`; else "waiting", "resyncing", "stale" or "halted".
    #[getter]
    fn state(&self) -> &'static str {
        state_name(self.row.state)
    }

    /// Counts the snapshots the book was built on.
    #[getter]
    fn epoch(&self) -> u64 {
        self.row.epoch
    }

    /// The venue's id of the last update applied.
    #[getter]
    fn update_id(&self) -> u64 {
        self.row.update_id.0
    }

    /// When the venue made the last update, in nanoseconds since 1970 UTC.
    #[getter]
    fn event_time(&self) -> i64 {
        self.row.event_time.0
    }

    /// When its frame was received, in nanoseconds since 1970 UTC.
    #[getter]
    fn receive_time(&self) -> i64 {
        self.row.receive_time.0
    }

    /// When this was written to the board, in nanoseconds since 1970 UTC.
    #[getter]
    fn publish_time(&self) -> i64 {
        self.row.publish_time.0
    }

    /// Decimal places of all prices.
    #[getter]
    fn price_scale(&self) -> u8 {
        self.row.price_scale.decimals()
    }

    /// Decimal places of all quantities.
    #[getter]
    fn quantity_scale(&self) -> u8 {
        self.row.quantity_scale.decimals()
    }

    /// Below this price, in units, the bid side is unknown; None where all of it is known.
    #[getter]
    fn bid_horizon(&self) -> Option<i64> {
        Some(self.row.bid_horizon?.0)
    }

    /// Above this price, in units, the ask side is unknown; None where all of it is known.
    #[getter]
    fn ask_horizon(&self) -> Option<i64> {
        Some(self.row.ask_horizon?.0)
    }

    /// None while a side is empty.
    #[getter]
    fn features(&self) -> Option<Features> {
        Some(Features::of(&self.row.features?, self.row.price_scale))
    }

    /// Order-flow imbalance since the epoch began, in base currency.
    #[getter]
    fn order_flow_imbalance(&self) -> f64 {
        self.row.order_flow_imbalance
    }

    /// None before the first trade.
    #[getter]
    fn last_trade(&self) -> Option<Trade> {
        Some(Trade::of(&self.row.last_trade?, self.scales()))
    }

    #[getter]
    fn counters(&self) -> Counters {
        Counters::of(&self.row.counters)
    }

    /// Exact bids, best first: an int64 array of shape (levels, 2) with price and quantity in units.
    ///
    /// A new array at each call.
    fn bids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<i64>>> {
        arrays::units(py, &self.row.bids)
    }

    /// Exact asks, best first: an int64 array of shape (levels, 2) with price and quantity in units.
    ///
    /// A new array at each call.
    fn asks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<i64>>> {
        arrays::units(py, &self.row.asks)
    }

    /// Bids, best first: a float64 array of shape (levels, 2) with price and quantity.
    ///
    /// A new array at each call.
    fn bids_float<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        arrays::doubles(py, &self.row.bids, self.scales())
    }

    /// Asks, best first: a float64 array of shape (levels, 2) with price and quantity.
    ///
    /// A new array at each call.
    fn asks_float<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        arrays::doubles(py, &self.row.asks, self.scales())
    }

    fn __repr__(&self) -> String {
        let levels = (self.row.bids.len(), self.row.asks.len());
        format!("<Book {} {}: {} bids, {} asks>", self.symbol, self.state(), levels.0, levels.1)
    }
}

impl Book {
    const fn scales(&self) -> (Scale, Scale) {
        (self.row.price_scale, self.row.quantity_scale)
    }
}

impl Features {
    fn of(features: &features::Features, price_scale: Scale) -> Self {
        Self {
            mid: features.mid,
            spread: price_scale.to_f64(features.spread.0),
            spread_bps: features.spread_bps,
            microprice: features.microprice,
            imbalance: features.imbalance.into(),
            bid_depth: features.bid_depth.into(),
            ask_depth: features.ask_depth.into(),
        }
    }
}

impl Trade {
    fn of(trade: &LastTrade, (price_scale, quantity_scale): (Scale, Scale)) -> Self {
        Self {
            price: price_scale.to_f64(trade.price.0),
            quantity: quantity_scale.to_f64(trade.quantity.0),
            price_units: trade.price.0,
            quantity_units: trade.quantity.0,
            taker: match trade.taker {
                Taker::Buyer => "buyer",
                Taker::Seller => "seller",
            },
            time: trade.time.0,
        }
    }
}

impl Counters {
    const fn of(counters: &FeedCounters) -> Self {
        Self {
            events_applied: counters.events_applied,
            gaps: counters.gaps,
            resyncs: counters.resyncs,
            dead_letters: counters.dead_letters,
            ticker_agreements: counters.ticker_agreements,
            ticker_disagreements: counters.ticker_disagreements,
        }
    }
}
