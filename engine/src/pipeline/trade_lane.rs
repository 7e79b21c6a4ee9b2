//! The trades and bars of a partition. One watermark serves all its symbols, so that a quiet symbol's bar is closed too.

use depthlake_ingest::wire::{self, DecodeError, Decoder};
use depthlake_orderbook::bars::{Bar, Bars, LateTrade, Watermark};
use depthlake_orderbook::event::{Provenance, Trade};
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{BarRecord, DeadLetterReason, Derived, TradeRecord};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::checkpoint::{SymbolBars, TradeCheckpoint};
use super::context::Context;
use super::kline_check::KlineCheck;
use super::{Agreement, Output};
use crate::symbol_map::SymbolMap;

#[derive(Debug, Clone, Default)]
pub(super) struct TradeLane {
    symbols: SymbolMap<SymbolTrades>,
    watermark: Watermark,
    /// A session began, and no trade of it was seen yet.
    begins: bool,
    /// Messages before this offset are in a checkpoint already.
    from_offset: u64,
}

#[derive(Debug, Clone)]
struct SymbolTrades {
    instrument: Instrument,
    bars: Bars,
    check: KlineCheck,
}

impl TradeLane {
    pub(super) fn frame<O: Output>(&mut self, decoder: &mut Decoder, context: &mut Context<'_, O>) {
        if context.provenance.offset < self.from_offset {
            return;
        }
        match context.kind() {
            FrameKind::SessionStart => self.begins = true,
            FrameKind::StreamEnd => self.close_all(context),
            FrameKind::Instrument => self.instrument(context),
            FrameKind::Trade | FrameKind::AggregateTrade => self.trade(decoder, context),
            FrameKind::Kline => self.kline(decoder, context),
            _ => context.unexpected(),
        }
    }

    pub(super) const fn watermark(&self) -> Timestamp {
        self.watermark.latest()
    }

    pub(super) fn agreement(&self, symbol: Symbol) -> Agreement {
        self.symbols.get(symbol).map(|found| found.check.agreement()).unwrap_or_default()
    }

    pub(super) fn checkpoint(&self, next_offset: u64) -> TradeCheckpoint {
        let bars =
            self.symbols.values().map(|found| SymbolBars::of(&found.instrument, &found.bars)).collect();
        TradeCheckpoint::new(next_offset.max(self.from_offset), self.watermark, self.begins, bars)
    }

    pub(super) fn restore(&mut self, checkpoint: &TradeCheckpoint) {
        self.from_offset = checkpoint.next_offset();
        self.watermark = checkpoint.watermark();
        self.begins = checkpoint.begins();
        self.symbols = checkpoint
            .symbols()
            .map(|(instrument, bars)| (instrument.symbol, SymbolTrades::new(instrument, bars)))
            .collect();
    }

    /// A session whose first trade is older than what is closed already brings other data: bars begin anew with it.
    fn begin_session<O: Output>(&mut self, first: Timestamp, context: &mut Context<'_, O>) {
        if std::mem::take(&mut self.begins) && self.watermark.has_passed(first.minute()) {
            self.close_all(context);
        }
    }

    fn close_all<O: Output>(&mut self, context: &mut Context<'_, O>) {
        self.watermark = Watermark::default();
        for found in self.symbols.values_mut() {
            for bar in std::mem::take(&mut found.bars).into_open() {
                context.emit(found.close(bar, context.provenance));
            }
        }
    }

    fn instrument<O: Output>(&mut self, context: &mut Context<'_, O>) {
        let instrument = match wire::decode_instrument(context.payload) {
            Ok(instrument) => instrument,
            Err(error) => return context.dead_letter(error),
        };
        let Some(found) = self.symbols.get_mut(instrument.symbol) else {
            self.symbols.insert(instrument.symbol, SymbolTrades::new(instrument, Bars::default()));
            return;
        };
        let widened = instrument.widened_to(&found.instrument);
        match widened.filter(|widened| found.bars.widen(&found.instrument, widened)) {
            Some(widened) => found.instrument = widened,
            None => context.dead_letter(too_fine(&instrument)),
        }
    }

    fn trade<O: Output>(&mut self, decoder: &mut Decoder, context: &mut Context<'_, O>) {
        let Some(found) = context.envelope.symbol.and_then(|symbol| self.symbols.get(symbol)) else {
            return context.unknown_symbol();
        };
        let instrument = found.instrument;
        match decoder.trade(context.payload, &instrument, context.provenance) {
            Ok(None) => {}
            Ok(Some(trade)) => {
                context.emit(Derived::Trade(TradeRecord { instrument, trade }));
                context.output.trade(&instrument, &trade);
                self.begin_session(trade.trade_time, context);
                // A time ahead of its receipt must not close the bars of everyone else.
                self.advance(trade.trade_time.min(trade.provenance.received), context);
                self.add(&instrument, &trade, context);
            }
            Err(error) => context.dead_letter(error),
        }
    }

    fn kline<O: Output>(&mut self, decoder: &mut Decoder, context: &mut Context<'_, O>) {
        let Some(found) = context.envelope.symbol.and_then(|symbol| self.symbols.get_mut(symbol)) else {
            return context.unknown_symbol();
        };
        match decoder.kline(context.payload, &found.instrument) {
            Ok(kline) => {
                let ours = found.bars.at(kline.open_time);
                found.check.kline(kline, ours, &found.instrument);
            }
            Err(error) => context.dead_letter(error),
        }
    }

    /// Moves the watermark and closes the bars it passes, in the order of symbols.
    fn advance<O: Output>(&mut self, trade_time: Timestamp, context: &mut Context<'_, O>) {
        let before = self.watermark;
        self.watermark.observe(trade_time);
        // Bars end at whole minutes, so nothing closes unless the watermark enters another minute.
        if before.closed_before() == self.watermark.closed_before() {
            return;
        }
        for found in self.symbols.values_mut() {
            while let Some(bar) = found.bars.close_next(self.watermark) {
                let record = found.close(bar, context.provenance);
                context.emit(record);
            }
        }
    }

    fn add<O: Output>(&mut self, instrument: &Instrument, trade: &Trade, context: &mut Context<'_, O>) {
        let Some(found) = self.symbols.get_mut(instrument.symbol) else { return };
        if let Err(LateTrade(trade)) =
            found.bars.add(trade, self.watermark).map(|bar| found.check.bar(bar, instrument))
        {
            let detail = format!(
                "a trade of {} ms came after its minute was closed: the latest trade is of {} ms",
                trade.trade_time.milliseconds(),
                self.watermark.latest().milliseconds()
            );
            context.dead_letter(DecodeError { reason: DeadLetterReason::LateTrade, detail });
        }
    }
}

impl SymbolTrades {
    fn new(instrument: Instrument, bars: Bars) -> Self {
        Self { instrument, bars, check: KlineCheck::default() }
    }

    fn close(&self, bar: Bar, provenance: Provenance) -> Derived {
        Derived::Bar(BarRecord { instrument: self.instrument, bar, provenance })
    }
}

fn too_fine(instrument: &Instrument) -> DecodeError {
    let detail = format!("the new steps of {} do not fit the numbers kept so far", instrument.symbol);
    DecodeError { reason: DeadLetterReason::Inexact, detail }
}
