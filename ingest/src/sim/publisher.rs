//! Sends what a source publishes to its listeners, with the faults that were asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::fault::{Fault, FaultKind, Opportunity};
use super::fault_plan::FaultPlan;
use super::hub::{Hub, Order, Scope};
use super::numbers::TimeUnit;
use super::parcel::Parcel;

/// One message about to go out.
pub(super) struct Publication<'a> {
    pub symbol: &'a str,
    pub stream: String,
    pub kind: PublicationKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PublicationKind {
    DepthDiff,
    Ticker,
    Other,
}

/// A fault that only the market itself can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MarketFault {
    FinerTick,
    Halt(Duration),
}

pub(super) struct Publisher {
    hub: Arc<Hub>,
    faults: Arc<FaultPlan>,
    /// Diffs that wait for the next of their stream to overtake them.
    held: Mutex<HashMap<String, Parcel>>,
    market_faults: Mutex<Vec<(String, MarketFault)>>,
}

impl Publisher {
    pub(super) fn new(hub: Arc<Hub>, faults: Arc<FaultPlan>) -> Self {
        Self { hub, faults, held: Mutex::default(), market_faults: Mutex::default() }
    }

    /// Sends now; a listener too slow for it is cut off.
    pub(super) fn publish(&self, publication: Publication<'_>, body: impl Fn(TimeUnit) -> String) {
        for parcel in self.parcels(publication, body) {
            self.hub.deliver(&parcel);
        }
    }

    /// Sends as fast as the slowest listener takes it.
    pub(super) async fn publish_patiently(
        &self,
        publication: Publication<'_>,
        body: impl Fn(TimeUnit) -> String,
    ) {
        for parcel in self.parcels(publication, body) {
            self.hub.deliver_patiently(&parcel).await;
        }
    }

    /// Sends the diffs that wait to be overtaken although nothing overtook them.
    pub(super) fn release_held(&self) {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        for parcel in held.values() {
            self.hub.deliver(parcel);
        }
    }

    /// The market faults that have come due since the last call, with their symbols.
    pub(super) fn take_market_faults(&self) -> Vec<(String, MarketFault)> {
        std::mem::take(&mut *self.market_faults.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a fault happen: at once where it needs no frame or request to show itself, else at the next opportunity.
    /// `default_symbol` is meant where a market fault names none.
    pub(super) fn inject(&self, fault: Fault, default_symbol: &str) {
        let lower = fault.symbol.as_deref().map(str::to_ascii_lowercase);
        let scope = lower.as_deref().map_or(Scope::All, Scope::Symbol);
        let symbol = fault.symbol.clone();
        if self.happen_to_connections(&fault, scope)
            || self.happen_to_market(&fault, symbol.as_deref().unwrap_or(default_symbol))
        {
            self.faults.note(fault.kind, symbol.as_deref());
        } else {
            self.faults.arm(fault);
        }
    }

    /// What goes out for one publication: usually one parcel, by faults none or several.
    fn parcels(&self, publication: Publication<'_>, body: impl Fn(TimeUnit) -> String) -> Vec<Parcel> {
        let Publication { symbol, stream, kind } = publication;
        let audience = self.hub.audience(&stream);
        if audience == [false; 2] {
            return Vec::new();
        }
        let mut due = self.faults.at(Opportunity::Frame, Some(symbol));
        match kind {
            PublicationKind::DepthDiff => due.extend(self.faults.at(Opportunity::Diff, Some(symbol))),
            PublicationKind::Ticker => due.extend(self.faults.at(Opportunity::Ticker, Some(symbol))),
            PublicationKind::Other => {}
        }
        let mut parcel = Parcel::new(stream, audience, body);
        let (mut copies, mut swap) = (1, false);
        for fault in &due {
            match fault.kind {
                FaultKind::DroppedDiff => copies = 0,
                FaultKind::DuplicatedDiff => copies = 2,
                FaultKind::SwappedDiffs => swap = true,
                FaultKind::MalformedFrame => parcel = parcel.malformed(),
                FaultKind::TruncatedFrame => parcel = parcel.truncated(),
                FaultKind::WrongTicker => parcel = parcel.mistaken(),
                _ => {
                    let _ = self.happen_to_connections(fault, Scope::Symbol(&symbol.to_ascii_lowercase()))
                        || self.happen_to_market(fault, symbol);
                }
            }
        }
        self.reorder(parcel, copies, swap)
    }

    fn reorder(&self, parcel: Parcel, copies: usize, swap: bool) -> Vec<Parcel> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let overtaken = held.remove(&parcel.stream);
        if swap && overtaken.is_none() && copies > 0 {
            held.insert(parcel.stream.clone(), parcel);
            return Vec::new();
        }
        let mut parcels = vec![parcel; copies];
        parcels.extend(overtaken);
        parcels
    }

    fn happen_to_connections(&self, fault: &Fault, scope: Scope<'_>) -> bool {
        match fault.kind {
            FaultKind::Disconnect => self.hub.cut_oldest(scope),
            FaultKind::HalfOpen => self.hub.order_oldest(scope, Order::GoSilent),
            FaultKind::ServerShutdown => self.hub.order(scope, Order::AnnounceShutdown),
            _ => return false,
        }
        true
    }

    fn happen_to_market(&self, fault: &Fault, symbol: &str) -> bool {
        let market_fault = match fault.kind {
            FaultKind::TickSizeChange => MarketFault::FinerTick,
            FaultKind::SymbolHalt => MarketFault::Halt(fault.length),
            _ => return false,
        };
        let mut market_faults = self.market_faults.lock().unwrap_or_else(PoisonError::into_inner);
        market_faults.push((symbol.to_owned(), market_fault));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::hub::Line;
    use crate::sim::parcel::Envelope;

    fn venue(fault: &str) -> (Publisher, Line) {
        let hub = Hub::new(64);
        let line = hub.connect(TimeUnit::Milliseconds);
        assert!(line.subscribe(&["x@depth".to_owned()], 9));
        let faults = Arc::new(FaultPlan::new(vec![fault.parse().unwrap()], 1));
        (Publisher::new(hub, faults), line)
    }

    fn seen_of(fault: &str) -> Vec<String> {
        let (publisher, mut line) = venue(fault);
        for number in 1..=4 {
            let kind = PublicationKind::DepthDiff;
            let publication = Publication { symbol: "X", stream: "x@depth".to_owned(), kind };
            publisher.publish(publication, |_| format!(r#"{{"u":{number}}}"#));
        }
        publisher.release_held();
        let mut seen = Vec::new();
        while let Ok(outgoing) = line.outbox.try_recv() {
            let text = outgoing.text(Envelope::Raw);
            seen.push(text.trim_start_matches(r#"{"u":"#).trim_end_matches('}').to_owned());
        }
        seen
    }

    #[test]
    fn each_fault_does_what_its_name_says_and_no_more() {
        assert_eq!(seen_of("dropped-diff:at=2"), ["1", "3", "4"]);
        assert_eq!(seen_of("duplicated-diff:at=2"), ["1", "2", "2", "3", "4"]);
        assert_eq!(seen_of("swapped-diffs:at=2"), ["1", "3", "2", "4"]);
        assert_eq!(seen_of("swapped-diffs:at=4"), ["1", "2", "3", "4"]);
        assert_eq!(seen_of("malformed-frame:at=2"), ["1", r#"{"u";2"#, "3", "4"]);
        assert_eq!(seen_of("truncated-frame:at=2"), ["1", r#"{"u"#, "3", "4"]);
        assert_eq!(seen_of("dropped-diff:symbol=Y"), ["1", "2", "3", "4"]);
    }

    #[test]
    fn a_wrong_ticker_waits_for_a_ticker() {
        let (publisher, mut line) = venue("wrong-ticker:at=2");
        for kind in [PublicationKind::Ticker, PublicationKind::DepthDiff, PublicationKind::Ticker] {
            let publication = Publication { symbol: "X", stream: "x@depth".to_owned(), kind };
            publisher.publish(publication, |_| r#"{"B":"1"}"#.to_owned());
        }
        let seen: Vec<_> = std::iter::from_fn(|| line.outbox.try_recv().ok()).collect();
        let seen: Vec<_> = seen.iter().map(|outgoing| outgoing.text(Envelope::Raw).to_string()).collect();
        assert_eq!(seen, [r#"{"B":"1"}"#, r#"{"B":"1"}"#, r#"{"B":"91"}"#]);
    }

    #[test]
    fn market_faults_wait_for_the_market() {
        let (publisher, _line) = venue("symbol-halt:symbol=Z");
        publisher.inject(Fault::next(FaultKind::TickSizeChange, None), "X");
        assert_eq!(publisher.take_market_faults(), [("X".to_owned(), MarketFault::FinerTick)]);
        assert!(publisher.take_market_faults().is_empty());
    }
}
