
pub mod board;
pub mod pipeline;
pub mod partition;
pub mod replay;
