//! The thread that sees what changes and tells it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use depthlake_engine::clock;
use depthlake_engine::events::{EventFeed, Happening, Received, Subscription};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::begin_message;
use super::books::ShownBook;
use super::hub::{Audience, Hub, Shown, StreamCounts};
use super::running_bars::RunningBars;
use super::tickers::{self, Look, ShownTickers};
use super::topic::{Channel, Pace, Topic};
use super::trades::{HeardTrade, write_bars, write_missed, write_trades};
use crate::api::full_depth::FullDepth;
use crate::api::reference::References;
use crate::health::HealthMonitor;
use crate::json_text::JsonText;
use crate::live::{Bars, Board, LiveBar, Market, Quote, Writer};

/// How long changes gather before they are looked at.
const GATHER: Duration = Duration::from_millis(5);

/// How often bars that run are told.
const RUNNING_BARS_INTERVAL: Duration = Duration::from_millis(250);

/// How often it is asked whether the board is still written.
const WRITER_INTERVAL: Duration = Duration::from_millis(250);

/// Health changes with every second's ages, and is told no oftener than so.
const LEAST_HEALTH_PACE: Pace = Pace::Milliseconds(1_000);

/// How often health is told where nothing changes.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// A thread that feeds a hub until this is dropped.
pub(crate) struct Pump {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is looked at and told.
pub(crate) struct PumpSources {
    pub(crate) market: Market,
    pub(crate) full_depth: Arc<FullDepth>,
    pub(crate) bars: Arc<Bars>,
    pub(crate) references: References,
    pub(crate) health: HealthMonitor,
    pub(crate) events: Option<EventFeed>,
}

struct Pumping {
    sources: PumpSources,
    hub: Arc<Hub>,
    counts: Arc<StreamCounts>,
    events: Option<(EventFeed, Subscription)>,
    board: Option<Arc<Board>>,
    is_writer_alive: bool,
    writer_due: Instant,
    running: RunningBars,
    running_due: Instant,
    heard: Heard,
}

/// What the engine told since the last round.
#[derive(Default)]
struct Heard {
    trades: HashMap<Symbol, Vec<HeardTrade>>,
    bars: HashMap<Symbol, Vec<LiveBar>>,
    missed: u64,
}

impl Pump {
    /// # Errors
    /// Where there is no thread to be had.
    pub(crate) fn start(hub: Arc<Hub>, sources: PumpSources) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut pumping = Pumping::new(hub, sources);
        let pump = move || {
            while !stopped.load(Ordering::Acquire) {
                pumping.round();
                thread::park_timeout(GATHER);
            }
        };
        let thread = thread::Builder::new().name("streams".to_owned()).spawn(pump)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends by itself; a panic was told by its hook.
            let _ = thread.join();
        }
    }
}

impl Pumping {
    fn new(hub: Arc<Hub>, mut sources: PumpSources) -> Self {
        let events = sources.events.take().map(|feed| {
            let subscription = feed.subscribe();
            (feed, subscription)
        });
        let now = Instant::now();
        Self {
            counts: hub.counts(),
            hub,
            events,
            board: None,
            is_writer_alive: false,
            writer_due: now,
            running: RunningBars::from(clock::now()),
            running_due: now,
            heard: Heard::default(),
            sources,
        }
    }

    fn round(&mut self) {
        self.look_at_board();
        self.hear();
        let (now, instant) = (clock::now(), Instant::now());
        self.keep_running_bars(instant);
        let hub = Arc::clone(&self.hub);
        let mut topics = hub.topics();
        if topics.values().any(|audience| !audience.is_empty()) {
            let quotes: Vec<Quote> = match &self.board {
                Some(board) if topics.keys().any(|topic| topic.channel == Channel::Tickers) => {
                    board.quotes().collect()
                }
                _ => Vec::new(),
            };
            for (topic, audience) in topics.iter_mut() {
                self.tell(topic, audience, &quotes, now, instant);
            }
        }
        topics.retain(|_, audience| !audience.is_empty());
        drop(topics);
        self.heard = Heard::default();
    }

    /// Takes up the board of another writer, of which everybody is told the whole.
    fn look_at_board(&mut self) {
        let board = self.sources.market.board();
        let is_other = match (&board, &self.board) {
            (Some(new), Some(old)) => !Arc::ptr_eq(new, old),
            (new, old) => new.is_some() != old.is_some(),
        };
        let instant = Instant::now();
        if is_other || instant >= self.writer_due {
            let is_alive = |board: &Arc<Board>| matches!(board.writer(clock::now()), Writer::Alive { .. });
            self.is_writer_alive = board.as_ref().is_some_and(is_alive);
            self.writer_due = instant + WRITER_INTERVAL;
        }
        if is_other {
            for audience in self.hub.topics().values_mut() {
                audience.shown = Shown::Nothing;
            }
        }
        self.board = board;
    }

    fn hear(&mut self) {
        let Some((feed, subscription)) = &mut self.events else { return };
        while let Some(received) = subscription.try_next() {
            let event = match received {
                Received::Event(event) => event,
                Received::Missed(count) => {
                    self.heard.missed += count;
                    self.running.restart(clock::now());
                    continue;
                }
            };
            let Some(symbol) = feed.symbol(event.symbol) else { continue };
            if let Some(heard) = HeardTrade::of(&event) {
                self.running.trade(symbol, &heard.trade, heard.scales);
                self.heard.trades.entry(symbol).or_default().push(heard);
            } else if let Happening::Bar { scales, bar } = event.what {
                let bar = LiveBar::of(&bar, scales, true);
                self.sources.bars.put(symbol, bar);
                self.heard.bars.entry(symbol).or_default().push(bar);
            }
        }
    }

    fn keep_running_bars(&mut self, now: Instant) {
        if now < self.running_due {
            return;
        }
        self.running_due = now + RUNNING_BARS_INTERVAL;
        for (symbol, bars) in self.running.take_changed() {
            for bar in &bars {
                self.sources.bars.put(symbol, *bar);
            }
            let told = self.heard.bars.entry(symbol).or_default();
            let is_closed = |open_time| told.iter().any(|bar: &LiveBar| bar.open_time == open_time);
            let running: Vec<_> = bars.into_iter().filter(|bar| !is_closed(bar.open_time)).collect();
            told.extend(running);
        }
    }

    fn tell(
        &self,
        topic: &Topic,
        audience: &mut Audience,
        quotes: &[Quote],
        now: Timestamp,
        instant: Instant,
    ) {
        match topic.channel {
            Channel::Tickers => self.tell_tickers(topic, audience, quotes, now, instant),
            Channel::Book => self.tell_book(topic, audience, now, instant),
            Channel::Trades => self.tell_trades(topic, audience, now, instant),
            Channel::Bars => self.tell_bars(topic, audience, now, instant),
            Channel::Health => self.tell_health(topic, audience, now, instant),
        }
    }

    fn tell_tickers(
        &self,
        topic: &Topic,
        audience: &mut Audience,
        quotes: &[Quote],
        now: Timestamp,
        instant: Instant,
    ) {
        let quotes: &[Quote] = match topic.symbol {
            None => quotes,
            Some(symbol) => match quotes.iter().position(|quote| quote.symbol == symbol) {
                Some(place) => quotes.get(place..=place).unwrap_or_default(),
                None => &[],
            },
        };
        if quotes.is_empty() {
            return;
        }
        let references = |symbol| self.sources.references.price_a_day_ago(symbol);
        let look = Look { now, is_writer_alive: self.is_writer_alive, references: &references };
        let mut whole = |json: &mut JsonText, seq| tickers::write_whole(json, topic, seq, quotes, &look);
        let mut shown = match std::mem::take(&mut audience.shown) {
            Shown::Tickers(shown) => shown,
            Shown::Nothing | Shown::Book(_) | Shown::Health(_) => {
                let mut shown = ShownTickers::default();
                shown.know(&quotes.iter().collect::<Vec<_>>(), &look);
                audience.tell_change(instant, &self.counts, None, &mut whole);
                audience.shown = Shown::Tickers(shown);
                return;
            }
        };
        let changed = if audience.is_due(topic, instant) { shown.changed(quotes, &look) } else { Vec::new() };
        if !changed.is_empty() {
            let mut update = |json: &mut JsonText, seq| {
                shown.write_changes(&changed, (json, topic), seq, &look);
            };
            audience.tell_change(instant, &self.counts, Some(&mut update), &mut whole);
            shown.know(&changed, &look);
        } else if audience.has_newcomers() {
            audience.tell_newcomers(&self.counts, &mut whole);
        }
        audience.shown = Shown::Tickers(shown);
    }

    fn tell_book(&self, topic: &Topic, audience: &mut Audience, now: Timestamp, instant: Instant) {
        let (Some(board), Some(symbol)) = (&self.board, topic.symbol) else { return };
        let is_due = audience.is_due(topic, instant);
        if !is_due && !audience.has_newcomers() {
            return;
        }
        let known = match std::mem::take(&mut audience.shown) {
            Shown::Book(known) => Some(known),
            Shown::Nothing | Shown::Tickers(_) | Shown::Health(_) => None,
        };
        let places = (&self.sources.market, &*self.sources.full_depth);
        let wanted = (symbol, usize::from(topic.depth));
        let looked = if is_due || known.is_none() {
            ShownBook::look(board, places, wanted, self.is_writer_alive).map(Box::new)
        } else {
            None
        };
        let (Some(book), known) = (looked.or_else(|| known.clone()), known) else { return };
        let mut whole = |json: &mut JsonText, seq| book.write_whole(json, topic, seq, now);
        match known {
            Some(known) if book.says_the_same(&known) => {
                if audience.has_newcomers() {
                    audience.tell_newcomers(&self.counts, &mut whole);
                }
            }
            Some(known) if !book.begins_anew(&known) => {
                let mut update =
                    |json: &mut JsonText, seq| book.write_changes(&known, (json, topic), seq, now);
                audience.tell_change(instant, &self.counts, Some(&mut update), &mut whole);
            }
            _ => audience.tell_change(instant, &self.counts, None, &mut whole),
        }
        audience.shown = Shown::Book(book);
    }

    fn tell_trades(&self, topic: &Topic, audience: &mut Audience, now: Timestamp, instant: Instant) {
        let missed = self.heard.missed;
        if missed > 0 {
            audience.tell_news(instant, &self.counts, &mut |json, seq| {
                write_missed(json, topic, seq, now, missed);
            });
        }
        if let Some(trades) = topic.symbol.and_then(|symbol| self.heard.trades.get(&symbol)) {
            audience.tell_news(instant, &self.counts, &mut |json, seq| {
                write_trades(json, topic, seq, now, trades);
            });
        }
    }

    fn tell_bars(&self, topic: &Topic, audience: &mut Audience, now: Timestamp, instant: Instant) {
        let Some(symbol) = topic.symbol else { return };
        let known = self.sources.bars.of(symbol);
        let mut whole = |json: &mut JsonText, seq| {
            let bars = known.as_deref().map_or(&[][..], |bars| bars.last(usize::MAX));
            write_bars(json, topic, seq, now, bars.iter().map(|kept| &kept.bar));
        };
        match self.heard.bars.get(&symbol).filter(|bars| !bars.is_empty()) {
            Some(bars) => {
                let mut update = |json: &mut JsonText, seq| write_bars(json, topic, seq, now, bars.iter());
                audience.tell_change(instant, &self.counts, Some(&mut update), &mut whole);
            }
            None if audience.has_newcomers() => audience.tell_newcomers(&self.counts, &mut whole),
            None => {}
        }
    }

    fn tell_health(&self, topic: &Topic, audience: &mut Audience, now: Timestamp, instant: Instant) {
        let health = self.sources.health.current();
        let mut whole = |json: &mut JsonText, seq| {
            begin_message(json, topic, seq, now);
            json.raw(",\"health\":");
            json.raw(serde_json::to_vec(&*health).unwrap_or_default());
            json.raw("}");
        };
        let slowly = Topic { pace: topic.pace.max(LEAST_HEALTH_PACE), ..*topic };
        let is_news = !matches!(&audience.shown, Shown::Health(shown) if Arc::ptr_eq(shown, &health));
        if (is_news && audience.is_due(&slowly, instant)) || audience.is_silent_for(HEALTH_INTERVAL, instant)
        {
            audience.tell_change(instant, &self.counts, None, &mut whole);
            audience.shown = Shown::Health(Arc::clone(&health));
        } else if audience.has_newcomers() {
            audience.tell_newcomers(&self.counts, &mut whole);
        }
    }
}
