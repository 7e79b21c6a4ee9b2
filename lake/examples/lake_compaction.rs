//! How fast small files are merged on one core: `lake_compaction ROWS FOLDER`.
//!
//! Lands the rows in 64 files, merges them into one, and tells how much of them went through in a second: bytes of the
//! files, and bytes of the rows as they are in memory.

mod rows;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use depthlake_lake::commit::{Lake, TableChange};
use depthlake_lake::table::Table;

const FILES: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(count), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lake_compaction ROWS FOLDER".into());
    };
    let of_file = count.parse::<usize>()?.div_ceil(FILES);
    let folder = Path::new(&folder);
    let lake = Lake::open(&folder.join("catalog.db"), &folder.join("warehouse")).await?;
    let mut in_memory = 0;
    for file in 0..FILES {
        let rows = rows::trades(file * of_file, of_file)?;
        in_memory += rows.get_array_memory_size();
        lake.change(vec![TableChange::append(Table::RawTrades, vec![rows], Vec::new())]).await?;
    }
    let begun = Instant::now();
    let compacted = lake.compact_whole(Table::RawTrades, 1 << 40).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let rate = |bytes: u64| (u32::try_from(bytes >> 10).map_or(f64::INFINITY, f64::from)) / 1_024.0 / seconds;
    println!(
        "{} files of {} bytes into {} of {} bytes in {seconds:.2} s: {:.1} MiB/s of files, {:.1} MiB/s of rows",
        compacted.files,
        compacted.bytes,
        compacted.into_files,
        compacted.into_bytes,
        rate(compacted.bytes),
        rate(u64::try_from(in_memory)?)
    );
    Ok(())
}
