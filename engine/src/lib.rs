pub mod board;
pub mod clock;
pub mod latency;
pub mod partition;
pub mod pipeline;
pub mod recovery;
pub mod replay;
pub mod shard;
