pub mod commit;
pub mod log;
pub mod storage;
pub mod table;
