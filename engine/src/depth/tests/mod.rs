//! Depth files as their users meet them.

mod one_process;
mod property;
mod recorded;
mod support;
mod two_processes;
