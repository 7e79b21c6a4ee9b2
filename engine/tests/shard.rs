//! A shard between its rings and the board.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use depthlake_engine::board::{BoardRow, BoardState, Reader};
use depthlake_engine::live_books::LiveBooks;
use depthlake_engine::pipeline::Checkpoint;
use depthlake_engine::recovery::Restored;
use depthlake_engine::shard::{
    self, Idle, Inbound, Outbound, ShardConfig, ShardHandle, ShardSender, WorkerConfig,
};
use depthlake_ingest::wire;
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::record::Derived;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

struct Running {
    symbol: Symbol,
    sender: ShardSender,
    handle: ShardHandle,
    reader: Reader,
    offset: u64,
    is_kept: bool,
    _live_books: LiveBooks,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start(idle: Idle) -> Self {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board");
        let (live_books, outlets, mut events) = LiveBooks::create(&path, &[symbol], 1, Timestamp(1)).unwrap();
        let (sender, handle) = shard::spawn(ShardConfig {
            number: 0,
            core: None,
            idle,
            work: WorkerConfig {
                partitions: BTreeMap::from([(0, Restored::new(0))]),
                outlets,
                events: events.remove(0),
                needs: Box::new(|_, _| {}),
            },
        })
        .unwrap();
        let reader = Reader::open(&path).unwrap();
        Self {
            symbol,
            sender,
            handle,
            reader,
            offset: 0,
            is_kept: true,
            _live_books: live_books,
            _folder: folder,
        }
    }

    fn send(&mut self, envelope: Envelope, text: &str) {
        let payload = Bytes::from(text.to_owned());
        let message =
            Inbound { stream: RawStream::Orderbook, partition: 0, offset: self.offset, envelope, payload };
        if self.is_kept {
            self.sender.send(message).unwrap();
            self.offset += 1;
        } else {
            self.sender.send_unkept(message).unwrap();
        }
    }

    fn instrument(&mut self, tick: &str) {
        let text = format!(
            r#"{{"symbol":"BTCUSDT","filters":[{{"filterType":"PRICE_FILTER","tickSize":"{tick}"}},{{"filterType":"LOT_SIZE","stepSize":"1"}}]}}"#
        );
        self.send(Envelope::own(FrameKind::Instrument, Some(self.symbol), Timestamp(1)), &text);
    }

    fn snapshot(&mut self, id: u64, bid: &str) {
        let text = format!(r#"{{"lastUpdateId":{id},"bids":[["{bid}","3"]],"asks":[["99.9","4"]]}}"#);
        let envelope = wire::peek_snapshot(text.as_bytes(), Some(self.symbol), Timestamp(1)).unwrap();
        self.send(envelope, &text);
    }

    fn diff(&mut self, id: u64, bids: &str) {
        let text =
            format!(r#"{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":{id},"u":{id},"b":[{bids}],"a":[]}}"#);
        self.send(wire::peek(text.as_bytes(), Timestamp(1)), &text);
    }

    /// The row, once it is as wanted.
    fn row(&self, wanted: impl Fn(&BoardRow) -> bool) -> BoardRow {
        let slot = self.reader.find(self.symbol).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let row = self.reader.read(slot).unwrap();
            if wanted(&row) {
                return row.value;
            }
            assert!(Instant::now() < deadline, "{row:?}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn the_board_shows_a_book_from_its_snapshot_on() {
    for idle in [Idle::Park, Idle::Yield, Idle::Spin] {
        let mut running = Running::start(idle);
        running.instrument("0.1");
        running.snapshot(7, "99.5");
        let row = running.row(|row| row.state == BoardState::Live);
        assert_eq!((row.update_id.0, row.bids[0].price.0, row.asks[0].quantity.0), (7, 995, 4));

        running.diff(8, r#"["99.5","0"],["99.4","2"]"#);
        let row = running.row(|row| row.update_id.0 == 8);
        assert_eq!((row.bids.len(), row.bids[0].price.0), (1, 994));

        running.diff(9, r#"["99.4","0"]"#);
        let row = running.row(|row| row.update_id.0 == 9);
        assert!(row.bids.is_empty() && row.features.is_none(), "a side that emptied is empty on the board");
    }
}

#[test]
fn a_finer_tick_never_shows_old_numbers_at_the_new_scale() {
    let mut running = Running::start(Idle::Park);
    running.instrument("0.1");
    running.snapshot(7, "99.5");
    running.row(|row| row.state == BoardState::Live);
    running.instrument("0.01");
    let row = running.row(|row| row.price_scale.decimals() == 2);
    assert_eq!((row.state, row.bids.len()), (BoardState::Resyncing, 0));
    running.snapshot(9, "99.55");
    let row = running.row(|row| row.state == BoardState::Live);
    assert_eq!(row.bids[0].price.0, 9_955);
}

#[test]
fn orders_at_finer_prices_than_the_tick_are_taken_from_a_snapshot() {
    let mut running = Running::start(Idle::Park);
    running.instrument("0.1");
    running.snapshot(7, "99.55");
    let row = running.row(|row| row.state == BoardState::Live);
    assert_eq!((row.price_scale.decimals(), row.bids[0].price.0), (2, 9_955));
}

#[test]
fn everything_is_handed_over_with_a_checkpoint_at_the_end() {
    let mut running = Running::start(Idle::Park);
    running.instrument("0.1");
    running.snapshot(7, "99.5");
    for id in 8..1_008 {
        running.diff(id, r#"["99.5","1"]"#);
    }
    let Running { sender, mut handle, .. } = running;
    drop(sender);
    let (mut books, mut last) = (0, None);
    loop {
        let is_finished = handle.is_finished();
        while let Ok(outbound) = handle.outbound.pop() {
            match outbound {
                Outbound::Record(_, Derived::Book(_)) => books += 1,
                Outbound::Checkpoint { state, .. } => last = Some(Checkpoint::decode(&state).unwrap()),
                Outbound::Record(..) => {}
            }
        }
        if is_finished {
            break;
        }
    }
    assert_eq!(books, 1_000);
    assert_eq!(last.unwrap().orderbook_offset(), 1_002);
    assert_eq!(handle.join().unwrap().messages, 1_002);
}

#[test]
fn the_books_go_on_while_nothing_is_kept_and_what_is_kept_knows_nothing_of_it() {
    let mut running = Running::start(Idle::Park);
    running.instrument("0.1");
    running.snapshot(7, "99.5");
    running.diff(8, r#"["99.5","1"]"#);
    running.is_kept = false;
    running.diff(9, r#"["99.6","2"]"#);
    running.diff(10, r#"["99.7","2"]"#);
    let row = running.row(|row| row.update_id.0 == 10);
    assert_eq!((row.state, row.bids[0].price.0), (BoardState::Live, 997));

    running.is_kept = true;
    running.send(Envelope::own(FrameKind::SessionStart, None, Timestamp(2)), "");
    running.snapshot(12, "99.4");
    running.diff(13, r#"["99.3","5"]"#);
    let row = running.row(|row| row.update_id.0 == 13);
    assert_eq!((row.bids.len(), row.bids[0].price.0), (2, 994), "nothing of the unkept events is left");

    let Running { sender, mut handle, .. } = running;
    drop(sender);
    while !handle.is_finished() {
        std::thread::yield_now();
    }
    let ids = std::iter::from_fn(|| handle.outbound.pop().ok()).filter_map(|outbound| match outbound {
        Outbound::Record(trigger, Derived::Book(book)) => Some((trigger.offset, book.update_id.0)),
        _ => None,
    });
    assert_eq!(ids.collect::<Vec<_>>(), [(2, 8), (5, 13)]);
}

#[test]
fn a_checkpoint_is_made_without_symbols_too() {
    let Running { sender, mut handle, .. } = Running::start(Idle::Park);
    drop(sender);
    while !handle.is_finished() {
        std::thread::yield_now();
    }
    let mut outbound = std::iter::from_fn(|| handle.outbound.pop().ok());
    assert!(outbound.any(|outbound| matches!(outbound, Outbound::Checkpoint { .. })));
}
