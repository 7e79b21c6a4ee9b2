//! Waiting for a writer in another process, by sleeping and by spinning, and for one that dies.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use depthlake_orderbook::symbol::Symbol;

use super::two_processes::{board_path, create, now, row_of, run_again, wait_for};
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// If changes were noticed only when a reader looks after the writer's health, every 100 ms, these would take 30 s.
const ROUNDS: u64 = 300;

#[test]
fn a_sleeping_reader_in_another_process_is_woken_by_each_change() {
    play_ping_pong("board::waits::answer_by_sleeping");
}

#[test]
fn a_spinning_reader_in_another_process_sees_each_change() {
    play_ping_pong("board::waits::answer_by_spinning");
}

/// Writes a number and waits until the other process has written the same to its own board, again and again.
fn play_ping_pong(other_side: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board");
    let (board, mut slots) = create(&path, &["BTCUSDT"]);
    let mut other = KilledAtTheEnd(run_again(other_side, &path));
    let answers = wait_for(|| Reader::open(&path.with_extension("answers")).ok());
    let answer = answers.slots().next().unwrap();
    let begun = Instant::now();
    for number in 1..=ROUNDS {
        board.heartbeat(now());
        let seen = answers.version(answer).unwrap();
        slots[0].write(&row_of(number));
        assert_eq!(answers.wait(answer, seen, WaitBy::Sleeping, PATIENCE).unwrap(), Waited::Changed);
        assert_eq!(answers.touch(answer).unwrap().update_id.0, number);
    }
    assert!(other.0.wait().unwrap().success());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
#[ignore = "the other side of a_sleeping_reader_in_another_process_is_woken_by_each_change"]
fn answer_by_sleeping() {
    answer(WaitBy::Sleeping);
}

#[test]
#[ignore = "the other side of a_spinning_reader_in_another_process_sees_each_change"]
fn answer_by_spinning() {
    answer(WaitBy::Spinning);
}

fn answer(by: WaitBy) {
    let mut book = Follower::open(&board_path(), symbol()).unwrap();
    let (board, mut slots) = create(&board_path().with_extension("answers"), &["BTCUSDT"]);
    let mut answered = 0;
    while answered < ROUNDS {
        assert_eq!(book.wait(by, PATIENCE).unwrap(), Followed::Changed);
        let number = book.touch().unwrap().update_id.0;
        if number > answered {
            answered = number;
            board.heartbeat(now());
            slots[0].write(&row_of(number));
        }
    }
}

#[test]
fn without_a_change_a_wait_times_out() {
    let folder = tempfile::tempdir().unwrap();
    let (board, mut slots) = create(&folder.path().join("board"), &["BTCUSDT", "ETHUSDT"]);
    let reader = Reader::open(board.path()).unwrap();
    let slot = reader.find(symbol()).unwrap();
    let seen = reader.read(slot).unwrap().version;
    slots[1].write(&row_of(1));
    for by in [WaitBy::Sleeping, WaitBy::Spinning] {
        let begun = Instant::now();
        assert_eq!(reader.wait(slot, seen, by, Duration::from_millis(5)).unwrap(), Waited::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(5));
        assert_eq!(reader.wait(slot, seen, by, Duration::ZERO).unwrap(), Waited::TimedOut);
    }
    slots[0].write(&row_of(1));
    assert_eq!(reader.wait(slot, seen, WaitBy::Sleeping, Duration::ZERO).unwrap(), Waited::Changed);
}

#[test]
fn a_wait_ends_when_the_board_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _slots) = create(&folder.path().join("board"), &["BTCUSDT"]);
    let waiting = [WaitBy::Sleeping, WaitBy::Spinning].map(|by| {
        let reader = Reader::open(board.path()).unwrap();
        thread::spawn(move || {
            let slot = reader.find(symbol()).unwrap();
            reader.wait(slot, reader.version(slot).unwrap(), by, Duration::MAX).unwrap()
        })
    });
    drop(board);
    for waiting in waiting {
        assert_eq!(waiting.join().unwrap(), Waited::WriterDead);
    }
}

#[test]
fn a_follower_goes_on_with_the_successor_of_a_killed_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board");
    let mut writer = KilledAtTheEnd(run_again("board::two_processes::writing_process", &path));
    let mut book = wait_for(|| Follower::open(&path, symbol()).ok());
    wait_for(|| book.read().ok());
    assert_eq!(book.wait(WaitBy::Sleeping, PATIENCE).unwrap(), Followed::Changed);

    writer.0.kill().unwrap();
    writer.0.wait().unwrap();
    // What it wrote last may be half-written for ever; that counts as seen too.
    let _ = book.read();
    assert_eq!(book.wait(WaitBy::Sleeping, Duration::from_millis(60)).unwrap(), Followed::WriterDead);

    let (_board, mut slots) = create(&path, &["ETHUSDT", "BTCUSDT"]);
    slots[1].write(&row_of(7));
    assert_eq!(book.wait(WaitBy::Sleeping, PATIENCE).unwrap(), Followed::Restarted);
    assert_eq!(book.read().unwrap().value, row_of(7));
    assert_eq!(book.wait(WaitBy::Spinning, Duration::ZERO).unwrap(), Followed::TimedOut);
}

#[test]
fn only_symbols_of_the_board_can_be_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (board, _slots) = create(&folder.path().join("board"), &["ETHUSDT"]);
    let unknown = Follower::open(board.path(), symbol());
    assert!(matches!(unknown, Err(BoardError::UnknownSymbol { symbol: found, .. }) if found == symbol()));
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

/// So that a failing test leaves no process behind.
struct KilledAtTheEnd(Child);

impl Drop for KilledAtTheEnd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
