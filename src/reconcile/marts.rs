//! The marts and what their models give.

use std::ops::Range;

use anyhow::Result;
use depthlake_lake::model::{Builder, Incremental, Minutes, Mode, Model, Targets};
use depthlake_lake::reconcile::{Comparison, Layer, Place, breaks_of};
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;

use super::judge::{Judge, literal_micros};
use super::pair::Pair;
use crate::build;

impl Judge<'_> {
    /// Compares the marts with what their models give now, of the minutes they are built to. What came since they were built
    /// last is built first where `builds`, so that it is not told as missing; otherwise somebody else keeps them built. A mart
    /// that does not tell what it is built of is left as it is where nothing is to be repaired.
    pub async fn marts(&mut self, targets: Targets, builds: bool) -> Result<()> {
        let builder = build::builder(self.lake, targets.clone())?;
        if builds {
            let corrected = builder.build(&[Table::Bars.to_string()], Mode::Incremental).await;
            let reads = [Table::Trades, Table::Bars];
            let corrected = corrected.map(drop).map_err(Into::into);
            self.go_on(corrected, "the corrections of bars", Layer::Marts, &reads).await;
        }
        for model in Model::all() {
            let (Some(incremental), Ok(table)) = (&model.declaration.incremental, model.name.parse()) else {
                continue;
            };
            let mart = Mart { model, incremental, table, targets: &targets };
            let compared = self.mart(&builder, &mart, builds).await;
            let reads: Vec<_> = model.sources().into_iter().chain([table]).collect();
            self.go_on(compared, model.name, Layer::Marts, &reads).await;
        }
        Ok(())
    }

    async fn mart(&mut self, builder: &Builder, mart: &Mart<'_>, builds: bool) -> Result<()> {
        let Mart { model, incremental, table, targets } = *mart;
        if self.unreadable.contains(&table) {
            return Ok(());
        }
        if builds && !self.scope.repairs && builder.has_forgotten(table).await? {
            self.notes.push(format!(
                "{table} does not tell any more what it was built of, for another engine has committed to it, and is compared as it is: `depthlake build --full-refresh {}` builds it anew",
                model.short_name()
            ));
        } else if builds {
            builder.build(&[model.name.to_owned()], Mode::Incremental).await?;
        }
        let minute = &incremental.minute;
        let whole_from = self.sources_whole_from(model).await?;
        let Some(minutes) = self.built_minutes(table, minute, whole_from).await? else { return Ok(()) };
        let expected = self.rows(table, &model.query(minutes, targets)).await?;
        let (from, until) = (literal_micros(minutes.from), literal_micros(minutes.until));
        let query = format!("SELECT * FROM {table} WHERE {minute} >= {from} AND {minute} < {until}");
        let found = self.rows(table, &query).await?;
        let key: Vec<&str> = model.declaration.key.iter().map(String::as_str).collect();
        let comparison = Comparison { key: &key, ignored: &[], tolerance: self.scope.tolerance };
        let differences =
            self.differences(Pair::MartsWithModels, table.to_string(), &comparison, &expected, &found)?;
        let source = Pair::MartsWithModels.source();
        let place = Place { layer: Layer::Marts, source, table: model.name, key: &key };
        let mut breaks = breaks_of(place, &expected, &found, &differences)?;
        let mut repaired = Ok(());
        // To build all of a mart would take away what its sources no longer give.
        if self.scope.repairs && whole_from.is_none() && !breaks.is_empty() {
            repaired = builder.build(&[model.name.to_owned()], Mode::Full).await.map(drop);
            for broken in &mut breaks {
                broken.repaired_at = repaired.is_ok().then_some(self.begun);
            }
        }
        self.breaks.append(&mut breaks);
        Ok(repaired?)
    }

    /// The minutes of a mart that are looked at; none where it has no rows.
    async fn built_minutes(
        &self,
        table: Table,
        minute: &str,
        whole_from: Option<Timestamp>,
    ) -> Result<Option<Minutes>> {
        let last = self.longs(&format!("SELECT CAST(max({minute}) AS BIGINT) FROM {table}")).await?;
        let Some(last) = last.first().map(|last| Timestamp::from_microseconds(*last).next_minute()) else {
            return Ok(None);
        };
        let Range { start, end } = self.scope.received;
        let start = whole_from.map_or(start, |whole| whole.max(start));
        Ok(Some(Minutes::between(start, end.min(last).max(start))))
    }

    /// From when on a mart's sources are whole, and what comes before a minute with them; `None` where retention has let go of
    /// nothing.
    async fn sources_whole_from(&self, model: &Model) -> Result<Option<Timestamp>> {
        const DAY: i64 = 86_400_000_000_000;
        let mut first = None;
        for table in model.sources() {
            first = first.max(self.lake.retained_from(table).await?);
        }
        Ok(first.map(|day| Timestamp((i64::from(day) + 1).saturating_mul(DAY))))
    }
}

/// A model that is a table, and what its feed is measured against.
struct Mart<'a> {
    model: &'static Model,
    incremental: &'static Incremental,
    table: Table,
    targets: &'a Targets,
}
