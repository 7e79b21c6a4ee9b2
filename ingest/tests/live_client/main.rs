//! The live client over real sockets: against a venue whose every message the test writes, and against the simulated
//! venue.

mod feed;
mod scripted;
mod scripted_handover;
mod scripted_rest;
mod scripted_streams;
mod simulated;
