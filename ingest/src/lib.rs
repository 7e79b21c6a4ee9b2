
pub mod live;
pub mod product;
pub mod recording;
pub mod sim;
pub mod wire;
