//! Writers and readers in processes of their own.

use std::time::Instant;

use super::support::{Market, Oracle, PATIENCE, create, path_given, run_again, symbol, wait_for};
use crate::board::BoardState;
use crate::clock;
use crate::depth::{DepthReader, Refreshed};

#[test]
fn a_killed_writer_leaves_whole_books_and_is_seen_dead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let mut writer = run_again("depth::tests::two_processes::writing_process", &path);
    let reader = wait_for(|| DepthReader::open(&path).ok());
    wait_for(|| reader.copy(symbol()).ok().filter(|copy| copy.book().update_id().0 > 1_000));
    assert!(reader.is_writer_alive(clock::now()));
    assert_eq!(reader.writer_pid(), writer.id());

    writer.kill().unwrap();
    writer.wait().unwrap();
    assert!(!reader.is_writer_alive(clock::now()));
    assert!(reader.replacement().unwrap().is_none());
    // Nobody waits for the dead: a copy is made at once, or told to be impossible where the keeper died too early.
    if let Ok(mut copy) = reader.copy(symbol()) {
        Oracle::new().assert_equals(&copy);
        assert_eq!(copy.refresh().unwrap(), Refreshed::Unchanged);
    }

    let (_keeper, _writer) = create(&path, 64);
    let successor = reader.replacement().unwrap().unwrap();
    assert!(successor.is_writer_alive(clock::now()));
    assert_eq!(successor.copy(symbol()).unwrap().state(), BoardState::Waiting);
    assert!(!reader.is_writer_alive(clock::now()));
}

#[test]
#[ignore = "the other side of a_killed_writer_leaves_whole_books_and_is_seen_dead"]
fn writing_process() {
    let (mut keeper, writer) = create(&path_given(), 1 << 12);
    let mut market = Market::begin(writer);
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        keeper.heartbeat(clock::now());
        for _ in 0..20 {
            market.step();
        }
        keeper.turn();
    }
}
