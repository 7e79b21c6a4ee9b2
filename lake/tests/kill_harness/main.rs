//! Exactly once, whatever dies: a process that carries records from the log into the lake is killed at every named step
//! and at random instants, started again and again, and at the end the lake is compared with what was appended, row by
//! row, by a reader of ours and by `DuckDB`.
//!
//! `DEPTHLAKE_KILLS=500` makes it a long run, `DEPTHLAKE_KILL_SEED` repeats the choices of one that failed.

mod broker;
mod carrier;
mod durability;
mod judge;
mod kills;
mod other_engines;
mod place;
mod records;
mod scenarios;
mod strangers;
