//! `depthlake maintain`: the care that a running `depthlake run` gives the tables too, when somebody wants it now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use depthlake_lake::commit::{Lake, ORPHAN_AGE, SnapshotRetention, Staying};
use depthlake_lake::maintenance::{Cared, Maintenance};
use depthlake_lake::table::Table;

use crate::configuration::{Configuration, LakeConfiguration};
use crate::lake_options::LakeOptions;
use crate::tables::{grouped, size};

#[derive(Debug, Args)]
pub struct MaintainOptions {
    /// Only this table. May be given several times.
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<Table>,
    /// Tells what would be done, and does nothing.
    #[arg(long)]
    dry_run: bool,
    /// Lists files older than three days that nothing refers to.
    #[arg(long)]
    orphans: bool,
    /// Removes the files that --orphans lists.
    #[arg(long, requires = "orphans", conflicts_with = "dry_run")]
    remove: bool,
    #[command(flatten)]
    lake: LakeOptions,
}

/// How tables are cared for while the program runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Care {
    pub maintenance: Maintenance,
    /// `None`: not at all.
    pub every: Option<Duration>,
}

impl Care {
    pub fn of(configuration: &LakeConfiguration) -> Result<Self> {
        const DEFAULT_SECONDS: f64 = 60.0;
        let duration = |name, number: f64| {
            Duration::try_from_secs_f64(number)
                .with_context(|| format!("lake.{name} is {number}: expected 0 or more"))
        };
        let every = configuration.maintenance_seconds.unwrap_or(DEFAULT_SECONDS);
        let every = duration("maintenance_seconds", every)?;
        let mut snapshots = SnapshotRetention::default();
        if let Some(minutes) = configuration.snapshot_minutes {
            snapshots.keep_for = duration("snapshot_minutes", minutes * 60.0)?;
        }
        let days_kept = configuration.keep_days.iter().map(days_of).collect::<Result<BTreeMap<_, _>>>()?;
        let maintenance = Maintenance { snapshots, days_kept, ..Maintenance::default() };
        Ok(Self { maintenance, every: Some(every).filter(|every| !every.is_zero()) })
    }
}

fn days_of((name, &days): (&String, &u32)) -> Result<(Table, u32)> {
    let table = name.parse().context("lake.keep_days")?;
    if days == 0 {
        bail!("lake.keep_days of {name} is 0: expected at least 1");
    }
    Ok((table, days))
}

/// Cares for the tables and prints what was done.
///
/// # Errors
/// Where there is no lake, a table cannot be read or changed, or a file cannot be removed.
pub async fn run(options: &MaintainOptions, configuration: &Configuration) -> Result<()> {
    let lake = options.lake.place(configuration)?.existing().await?;
    let maintenance = Care::of(&configuration.lake)?.maintenance;
    let tables = if options.tables.is_empty() { Table::ALL.to_vec() } else { options.tables.clone() };
    let mut staying = 0;
    for table in tables {
        let cared = if options.dry_run {
            maintenance.plan(&lake, table).await?
        } else {
            maintenance.care(&lake, table).await.with_context(|| format!("{table} was left as it is"))?
        };
        println!("{table}: {}", told(&cared, options.dry_run));
        if options.orphans {
            staying += orphans(&lake, table, options.remove).await?;
        }
    }
    if staying > 0 {
        bail!("{staying} files could not be removed, and stay");
    }
    Ok(())
}

/// Lists the orphans of a table, and removes them where that is asked for; gives how many stay all the same.
async fn orphans(lake: &Lake, table: Table, removes: bool) -> Result<usize> {
    let orphans = lake.orphans(table, ORPHAN_AGE).await?;
    let locations: Vec<_> = orphans.iter().map(|file| file.location.clone()).collect();
    let staying = if removes { lake.remove_orphans(orphans).await } else { Vec::new() };
    print!("{}", told_orphans(&locations, removes, &staying));
    Ok(staying.len())
}

/// What became of each orphan.
fn told_orphans(locations: &[String], removes: bool, staying: &[Staying]) -> String {
    let line = |location: &String| match staying.iter().find(|file| file.location == *location) {
        Some(Staying { reason, .. }) => format!("    stays {location}: {reason}\n"),
        None if removes => format!("    removed {location}\n"),
        None => format!("    orphan {location}\n"),
    };
    locations.iter().map(line).collect()
}

/// What was done, or would be, in one line.
fn told(cared: &Cared, is_plan: bool) -> String {
    let Cared { let_go, compacted, expired, .. } = cared;
    let mut parts = Vec::new();
    if let_go.files > 0 {
        let rows = grouped(let_go.rows);
        parts.push(format!("{rows} rows in {} files of days no longer kept let go", let_go.files));
    }
    if compacted.files > 0 {
        let mut part = format!(
            "{} files ({}) merged into {}",
            compacted.files,
            size(compacted.bytes),
            compacted.into_files
        );
        if !is_plan {
            _ = write!(part, " ({})", size(compacted.into_bytes));
        }
        parts.push(part);
    }
    if expired.snapshots > 0 {
        let mut part = format!("{} snapshots expired", expired.snapshots);
        if !is_plan {
            _ = write!(part, " with {} files", expired.files);
        }
        parts.push(part);
    }
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use depthlake_lake::commit::{Compacted, Expired, LetGo};

    use super::*;

    #[test]
    fn what_was_done_reads_well() {
        let nothing = Cared {
            table: Table::Trades,
            let_go: LetGo::default(),
            compacted: Compacted::default(),
            expired: Expired::default(),
        };
        assert_eq!(told(&nothing, false), "nothing to do");
        let much = Cared {
            let_go: LetGo { files: 2, rows: 1_000 },
            compacted: Compacted { files: 9, bytes: 2_048, into_files: 1, into_bytes: 1_024 },
            expired: Expired { snapshots: 3, files: 7 },
            ..nothing
        };
        assert_eq!(
            told(&much, false),
            "1,000 rows in 2 files of days no longer kept let go, 9 files (2.0 KiB) merged into 1 (1.0 KiB), 3 snapshots \
             expired with 7 files"
        );
        assert!(told(&much, true).ends_with("9 files (2.0 KiB) merged into 1, 3 snapshots expired"));
    }

    #[test]
    fn orphans_are_told_removed_only_where_they_are() {
        let files = ["file:///a", "file:///b"].map(str::to_owned);
        assert_eq!(told_orphans(&files, false, &[]), "    orphan file:///a\n    orphan file:///b\n");
        let staying = Staying { location: files[0].clone(), reason: "not permitted".to_owned() };
        assert_eq!(
            told_orphans(&files, true, &[staying]),
            "    stays file:///a: not permitted\n    removed file:///b\n"
        );
    }

    #[test]
    fn the_configuration_is_checked() {
        let care = |text| Care::of(&toml::from_str::<LakeConfiguration>(text).unwrap());
        assert_eq!(care("").unwrap().every, Some(Duration::from_mins(1)));
        assert_eq!(care("maintenance_seconds = 0").unwrap().every, None);
        let kept = care("keep_days = { \"raw.trades\" = 30 }").unwrap().maintenance.days_kept;
        assert_eq!(kept, BTreeMap::from([(Table::RawTrades, 30)]));
        for wrong in [
            "maintenance_seconds = -1",
            "keep_days = { \"raw.tades\" = 1 }",
            "keep_days = { \"raw.trades\" = 0 }",
        ] {
            assert!(care(wrong).unwrap_err().to_string().contains("lake."), "{wrong}");
        }
    }
}
