//! Events in process: what it costs a shard to publish one, and a subscriber to receive it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use depthlake_engine::events::{self, Event, EventFeed, EventWriter, Happening, Received, Scales};
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, TradeId, TradeKind, UpdateId};
use depthlake_orderbook::symbol::{Symbol, SymbolId};
use depthlake_orderbook::time::Timestamp;

/// Fewer than a ring holds, so that a subscriber which starts with them misses none.
const BATCH: u64 = 8_192;

fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("events");
    group.throughput(Throughput::Elements(BATCH));
    let Some((feed, mut writer)) = feed() else { return };
    let events: Vec<Event> = (0..BATCH).map(event).collect();
    group.bench_function("publish, nobody listens", |bencher| {
        bencher.iter(|| publish_all(&mut writer, &events));
    });
    group.bench_function("publish and receive on one thread", |bencher| {
        let mut subscription = feed.subscribe();
        bencher.iter(|| {
            publish_all(&mut writer, &events);
            let mut received = 0;
            while let Some(next) = subscription.try_next() {
                received += u64::from(matches!(black_box(next), Received::Event(_)));
            }
            assert_eq!(received, BATCH);
        });
    });
    let listening = feed.subscribe();
    let listener = std::thread::spawn(move || listening.count());
    group.bench_function("publish, another thread listens", |bencher| {
        bencher.iter(|| publish_all(&mut writer, &events));
    });
    drop(writer);
    group.finish();
    if let Ok(count) = listener.join() {
        eprintln!("the listener was told {count} times");
    }
}

fn nothing_new(criterion: &mut Criterion) {
    let Some((feed, _writer)) = feed() else { return };
    let mut subscription = feed.subscribe();
    criterion.bench_function("events/poll an empty ring", |bencher| bencher.iter(|| subscription.try_next()));
}

fn feed() -> Option<(EventFeed, EventWriter)> {
    let (feed, mut writers) = events::feed(vec![Symbol::new("BTCUSDT").ok()?], 1);
    Some((feed, writers.pop()?))
}

fn publish_all(writer: &mut EventWriter, events: &[Event]) {
    for event in black_box(events) {
        writer.publish(event);
    }
}

/// Book changes for the most part, as on a market, with a trade in eight events and now and then a gap.
fn event(number: u64) -> Event {
    let signed = i64::try_from(number).unwrap_or_default();
    let (price, quantity) = (Price(signed), Quantity(signed));
    let scales = Scales { price: Scale::MAX, quantity: Scale::MAX };
    let what = match number % 64 {
        0 => Happening::Gap { expected: Some(UpdateId(number)), received: None },
        offset if offset % 8 == 1 => Happening::Trade {
            scales,
            id: TradeId(number),
            kind: TradeKind::Trade,
            price,
            quantity,
            taker: Taker::Buyer,
            trade_time: Timestamp(signed),
        },
        _ => {
            let level = Some(Level { price, quantity });
            Happening::Book { scales, update_id: UpdateId(number), bid: level, ask: level }
        }
    };
    Event {
        symbol: SymbolId(0),
        event_time: Timestamp(signed),
        receive_time: Timestamp(signed + 1),
        publish_time: Timestamp(signed + 2),
        what,
    }
}

criterion_group!(in_process, publish, nothing_new);
criterion_main!(in_process);
