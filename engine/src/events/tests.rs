//! Events as subscribers meet them.

use std::thread;

use depthlake_orderbook::bars::Bar;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, TradeId, TradeKind, UpdateId};
use depthlake_orderbook::symbol::{Symbol, SymbolId};
use depthlake_orderbook::time::Timestamp;
use proptest::prelude::*;

use super::words::{SLOT_WORDS, decode, encode, length};
use super::*;

const RING: usize = 8;

fn happenings() -> impl Strategy<Value = Happening> {
    let scale = || (0..=8_u8).prop_map(|decimals| Scale::new(decimals).unwrap());
    let scales = || (scale(), scale()).prop_map(|(price, quantity)| Scales { price, quantity });
    let level = || {
        let levels = any::<(i64, i64)>()
            .prop_map(|(price, quantity)| Level { price: Price(price), quantity: Quantity(quantity) });
        prop::option::of(levels)
    };
    let id = || prop::option::of(any::<u64>().prop_map(UpdateId));
    let kind = prop_oneof![
        Just(TradeKind::Trade),
        any::<(u64, u64)>()
            .prop_map(|(first, last)| TradeKind::Aggregate { first: TradeId(first), last: TradeId(last) }),
    ];
    let taker = prop_oneof![Just(Taker::Buyer), Just(Taker::Seller)];
    prop_oneof![
        (scales(), any::<u64>(), level(), level()).prop_map(|(scales, id, bid, ask)| Happening::Book {
            scales,
            update_id: UpdateId(id),
            bid,
            ask
        }),
        (scales(), any::<u64>(), kind, any::<[i64; 3]>(), taker).prop_map(
            |(scales, id, kind, [price, quantity, time], taker)| Happening::Trade {
                scales,
                id: TradeId(id),
                kind,
                price: Price(price),
                quantity: Quantity(quantity),
                taker,
                trade_time: Timestamp(time),
            }
        ),
        (scales(), bars()).prop_map(|(scales, bar)| Happening::Bar { scales, bar }),
        (id(), id()).prop_map(|(expected, received)| Happening::Gap { expected, received }),
        any::<u64>().prop_map(|id| Happening::Resync { update_id: UpdateId(id) }),
    ]
}

fn bars() -> impl Strategy<Value = Bar> {
    any::<([i64; 7], [i128; 4], [u64; 3])>().prop_map(|(signed, volumes, counts)| Bar {
        open_time: Timestamp(signed[0]),
        open: Price(signed[1]),
        high: Price(signed[2]),
        low: Price(signed[3]),
        close: Price(signed[4]),
        volume: volumes[0],
        quote_volume: volumes[1],
        trades: counts[0],
        taker_buy_volume: volumes[2],
        taker_buy_quote_volume: volumes[3],
        first_trade: TradeId(counts[1]),
        last_trade: TradeId(counts[2]),
        event_time: Timestamp(signed[5]),
        received: Timestamp(signed[6]),
    })
}

fn events() -> impl Strategy<Value = Event> {
    (any::<u32>(), any::<[i64; 3]>(), happenings()).prop_map(|(symbol, [event, receive, publish], what)| {
        Event {
            symbol: SymbolId(symbol),
            event_time: Timestamp(event),
            receive_time: Timestamp(receive),
            publish_time: Timestamp(publish),
            what,
        }
    })
}

/// An event whose every value follows from `number`.
fn event(number: u64) -> Event {
    let signed = i64::try_from(number).unwrap();
    let level = Level { price: Price(signed), quantity: Quantity(-signed) };
    let scales = Scales { price: Scale::MAX, quantity: Scale::MAX };
    Event {
        symbol: SymbolId(0),
        event_time: Timestamp(signed),
        receive_time: Timestamp(signed + 1),
        publish_time: Timestamp(signed + 2),
        what: if number.is_multiple_of(3) {
            Happening::Gap { expected: Some(UpdateId(number)), received: None }
        } else {
            Happening::Book { scales, update_id: UpdateId(number), bid: Some(level), ask: Some(level) }
        },
    }
}

fn feed_of(shards: usize, events: usize) -> (EventFeed, Vec<EventWriter>) {
    feed_of_size(vec![Symbol::new("BTCUSDT").unwrap()], shards, events)
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u64),
    Receive(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ring = RING as u64;
    let step = prop_oneof![(0..3 * ring).prop_map(Step::Publish), (0..3 * ring).prop_map(Step::Receive)];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn events_are_decoded_as_they_were_encoded(event in events()) {
        let words = encode(&event);
        prop_assert!(words[length(words[0])..].iter().all(|word| *word == 0));
        prop_assert_eq!(decode(&words), Some(event));
    }

    #[test]
    fn any_words_are_an_event_or_none(words in any::<[u64; SLOT_WORDS]>()) {
        prop_assert!(length(words[0]) <= SLOT_WORDS);
        if let Some(event) = decode(&words) {
            prop_assert_eq!(decode(&encode(&event)), Some(event));
        }
    }

    /// The slow twin is the list of all that was published. An overtaken subscriber goes on in the middle of the ring.
    #[test]
    fn what_is_missed_is_counted_exactly(steps in steps()) {
        let (feed, mut writers) = feed_of(1, RING);
        writers[0].publish(&event(1_000));
        let mut subscription = feed.subscribe();
        let (mut published, mut next) = (0, 0);
        for step in steps {
            match step {
                Step::Publish(count) => {
                    (published..published + count).for_each(|number| writers[0].publish(&event(number)));
                    published += count;
                }
                Step::Receive(count) => for _ in 0..count {
                    let expected = match published - next {
                        0 => None,
                        behind if behind <= RING as u64 => Some(Received::Event(event(next))),
                        behind => Some(Received::Missed(behind - RING as u64 / 2)),
                    };
                    prop_assert_eq!(subscription.try_next(), expected);
                    next += match expected {
                        None => 0,
                        Some(Received::Event(_)) => 1,
                        Some(Received::Missed(count)) => count,
                    };
                }
            }
        }
        drop(writers);
        prop_assert!(subscription.is_ended());
        let rest: u64 = subscription.map(|received| match received {
            Received::Event(_) => 1,
            Received::Missed(count) => count,
        }).sum();
        prop_assert_eq!(next + rest, published);
    }
}

#[test]
fn each_subscriber_receives_or_is_told_what_it_missed() {
    const PUBLISHED: u64 = 300_000;
    for ring in [RING, 1 << 12] {
        let (feed, mut writers) = feed_of(1, ring);
        let subscriptions: Vec<Subscription> = (0..3).map(|_| feed.subscribe()).collect();
        let mut writer = writers.pop().unwrap();
        thread::scope(|scope| {
            let counts: Vec<_> =
                subscriptions.into_iter().map(|subscription| scope.spawn(|| follow(subscription))).collect();
            scope.spawn(move || (0..PUBLISHED).for_each(|number| writer.publish(&event(number))));
            for count in counts {
                assert_eq!(count.join().unwrap(), PUBLISHED);
            }
        });
    }
}

/// Receives to the end; returns the number after that of the last event received or missed.
fn follow(subscription: Subscription) -> u64 {
    let mut next = 0;
    for received in subscription {
        match received {
            Received::Event(received) => {
                assert_eq!(received, event(next));
                next += 1;
            }
            Received::Missed(count) => next += count,
        }
    }
    next
}

#[test]
fn a_subscription_hears_all_shards() {
    let (feed, mut writers) = feed_of(3, 1 << 10);
    let mut subscription = feed.subscribe();
    assert_eq!(subscription.try_next(), None);
    for (shard, writer) in (0..).zip(&mut writers) {
        for number in 0..10 {
            writer.publish(&Event { symbol: SymbolId(shard), ..event(number) });
        }
    }
    assert!(!subscription.is_ended());
    drop(writers);
    let mut next = [0; 3];
    for received in subscription {
        let Received::Event(received) = received else { panic!("nothing is missed") };
        let next = &mut next[received.symbol.index()];
        assert_eq!(received, Event { symbol: received.symbol, ..event(*next) });
        *next += 1;
    }
    assert_eq!(next, [10; 3]);
}

#[test]
fn symbols_have_numbers() {
    let symbols: Vec<Symbol> = ["BTCUSDT", "ETHUSDT"].map(|text| Symbol::new(text).unwrap()).to_vec();
    let (feed, _writers) = feed(symbols.clone(), 1);
    assert_eq!(feed.find(symbols[1]), Some(SymbolId(1)));
    assert_eq!(feed.symbol(SymbolId(1)), Some(symbols[1]));
    assert_eq!((feed.find(Symbol::new("NKNUSDT").unwrap()), feed.symbol(SymbolId(2))), (None, None));
}
