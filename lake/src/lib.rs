pub mod commit;
pub mod log;
pub mod record;
pub mod sink;
pub mod storage;
pub mod table;
