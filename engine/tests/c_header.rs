//! The C header says of the board what Rust says, and a C program that uses it reads what Rust reads.

use std::fmt::Write;
use std::fs;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;

use depthlake_engine::board::layout::{
    AtomicLevel, Header, LAYOUT_VERSION, NO_PRICE, Rung, SYMBOL_SIZE, Slot,
};
use depthlake_engine::board::{BoardRow, BoardState, BoardWriter, LADDER_LEVELS, Reader, SlotSpec};
use depthlake_engine::clock;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Touch, UpdateId};
use depthlake_orderbook::features::Features;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

/// A structure as both languages see it: its name in C, its size, and the name, offset and size of each field.
struct Structure {
    name: &'static str,
    size: usize,
    fields: Vec<(&'static str, usize, usize)>,
}

macro_rules! structure {
    ($rust:ty as $c:literal: $($field:ident),+ $(,)?) => {
        Structure {
            name: $c,
            size: size_of::<$rust>(),
            fields: vec![
                $((stringify!($field), offset_of!($rust, $field), size_of_field(|all: &$rust| &all.$field))),+
            ],
        }
    };
}

#[test]
fn every_offset_and_size_is_that_of_rust() {
    let structures = [
        structure!(Header as "depthlake_header":
            magic, layout_version, header_size, slot_size, slot_count, writer_pid, closed, started, heartbeat, reserved),
        structure!(AtomicLevel as "depthlake_atomic_level": price, quantity),
        structure!(Rung as "depthlake_rung": bid, ask),
        structure!(Slot as "depthlake_slot":
            sequence, state, price_scale, quantity_scale, bid_levels, ask_levels, trade_taker, reserved_flags, update_id,
            publish_time, rungs, event_time, receive_time, epoch, bid_horizon, ask_horizon, mid, spread_bps, microprice,
            imbalance, bid_depth, ask_depth, order_flow_imbalance, trade_price, trade_quantity, trade_time,
            events_applied, gaps, resyncs, dead_letters, ticker_agreements, ticker_disagreements, symbol, wake, reserved),
    ];
    let mut program = String::from("#include \"depthlake_board.h\"\n#include <stdio.h>\nint main(void) {\n");
    let mut expected = String::new();
    for Structure { name, size, fields } in &structures {
        let whole: usize = fields.iter().map(|(.., size)| size).sum();
        assert_eq!(whole, *size, "a field of {name} is missing above");
        writeln!(program, "printf(\"{name} %zu\\n\", sizeof(struct {name}));").unwrap();
        writeln!(expected, "{name} {size}").unwrap();
        for (field, offset, size) in fields {
            let (at, is) = (
                format!("offsetof(struct {name}, {field})"),
                format!("sizeof(((struct {name} *)0)->{field})"),
            );
            writeln!(program, "printf(\"{name}.{field} %zu %zu\\n\", {at}, {is});").unwrap();
            writeln!(expected, "{name}.{field} {offset} {size}").unwrap();
        }
    }
    let constants = "DEPTHLAKE_LAYOUT_VERSION, DEPTHLAKE_LEVELS, DEPTHLAKE_SYMBOL_SIZE";
    writeln!(program, "printf(\"%d %d %d\\n\", {constants});").unwrap();
    writeln!(expected, "{LAYOUT_VERSION} {LADDER_LEVELS} {SYMBOL_SIZE}").unwrap();
    writeln!(program, "printf(\"%d\\n\", DEPTHLAKE_NO_PRICE == {}LL - 1);\nreturn 0;\n}}", NO_PRICE + 1)
        .unwrap();
    expected.push_str("1\n");

    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("layout.c");
    fs::write(&source, program).unwrap();
    let Some(program) = compile(&source, folder.path()) else { return };
    assert_eq!(output(&mut Command::new(program)), expected);
}

#[test]
fn a_c_program_reads_what_rust_reads() {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c_header/read_board.c");
    let Some(program) = compile(&source, folder.path()) else { return };
    let spec = |text| SlotSpec {
        symbol: Symbol::new(text).unwrap(),
        price_scale: Scale::new(2).unwrap(),
        quantity_scale: Scale::new(5).unwrap(),
    };
    let path = folder.path().join("board");
    let specs = [spec("BTC"), spec("BTCUSDT"), spec("BTCUSDTX")];
    let (_board, mut writers) = BoardWriter::create(&path, &specs, clock::now()).unwrap();
    let reader = Reader::open(&path).unwrap();
    for count in [0, 7, LADDER_LEVELS] {
        writers[1].write(&row_of(count));
        let printed = output(Command::new(&program).arg(&path).arg("BTCUSDT"));
        assert_eq!(printed, printed_of(&reader), "with {count} bids");
    }

    let unknown = Command::new(&program).arg(&path).arg("ETHUSDT").output().unwrap();
    assert_eq!(unknown.status.code(), Some(4), "no such symbol");
    let mut other_version = fs::read(&path).unwrap();
    other_version[8] += 1;
    fs::write(folder.path().join("other"), other_version).unwrap();
    let printed = Command::new(&program).arg(folder.path().join("other")).arg("BTCUSDT").output().unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), "slots -2\n");
}

/// What the C program prints, from what Rust reads.
fn printed_of(reader: &Reader) -> String {
    let slot = reader.find(Symbol::new("BTCUSDT").unwrap()).unwrap();
    let row = reader.read(slot).unwrap().value;
    let mut text = format!("slots {}\n", reader.symbols().len());
    let state = match row.state {
        BoardState::Waiting => 0,
        BoardState::Live => 1,
        BoardState::Resyncing => 2,
        BoardState::Stale => 3,
        BoardState::Halted => 4,
    };
    let (prices, quantities) = (row.price_scale.decimals(), row.quantity_scale.decimals());
    let head = format!("{state} {prices} {quantities} {} {}", row.update_id.0, row.publish_time.0);
    let mut side = |name: &str, head: Option<&str>, levels: &[Level]| {
        if let Some(head) = head {
            writeln!(text, "{head}").unwrap();
        }
        for Level { price, quantity } in levels {
            writeln!(text, "{name} {} {}", price.0, quantity.0).unwrap();
        }
    };
    side("best bid", Some(&format!("touch {head}")), &row.bids[..row.bids.len().min(1)]);
    side("best ask", None, &row.asks[..row.asks.len().min(1)]);
    side("bid", Some(&format!("ladder {head}")), &row.bids);
    side("ask", None, &row.asks);
    let mid = row.features.map_or_else(|| "nan".to_owned(), |features| features.mid.to_string());
    write!(text, "same write 1\nmid {mid}\n").unwrap();
    text
}

fn row_of(bids: usize) -> BoardRow {
    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    let bids: Vec<Level> = (1_000..).take(bids).map(|rank| level(2_000 - rank, rank)).collect();
    let asks = [level(1_001, i64::MAX), level(1_002, -1)];
    let touch = bids.first().map(|bid| Touch { bid: *bid, ask: asks[0] });
    BoardRow {
        state: BoardState::Stale,
        update_id: UpdateId(u64::MAX),
        publish_time: Timestamp(1_723_161_255_208_000_123),
        features: touch.map(|touch| Features {
            touch,
            mid: 1_000.5,
            spread: Price(touch.ask.price.0 - touch.bid.price.0),
            ..Features::default()
        }),
        bids: bids.into_iter().collect(),
        asks: asks.into_iter().collect(),
        ..BoardRow::waiting(Scale::new(2).unwrap(), Scale::new(5).unwrap())
    }
}

/// Compiles with all warnings refused; `None`, told loudly, without a C compiler.
fn compile(source: &Path, folder: &Path) -> Option<PathBuf> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    if Command::new(&compiler).arg("--version").output().is_err() {
        eprintln!("SKIPPED: no C compiler; CC names one");
        return None;
    }
    let program = folder.join("program");
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let mut command = Command::new(compiler);
    command.args(["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]);
    let compiled = command.arg(include).arg(source).arg("-o").arg(&program).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    Some(program)
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn size_of_field<T, Field>(_: impl FnOnce(&T) -> &Field) -> usize {
    size_of::<Field>()
}
