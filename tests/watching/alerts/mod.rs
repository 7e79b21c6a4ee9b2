//! Each alert is made to fire by its cause, with a real Prometheus, and resolves when the cause is gone; no other fires.

mod disk;
mod engine;
mod held;
mod lake;
mod scene;
mod venue;
