//! A model's query as one statement over tables: views in their places, placeholders filled.

use super::minutes::{MINUTE, Minutes};
use super::{Model, Targets};

impl Model {
    /// The query for the rows of some minutes, over tables alone.
    #[must_use]
    pub fn query(&self, minutes: Minutes, targets: &Targets) -> String {
        filled(&self.over_tables(), minutes, self.lookback(), targets)
    }

    /// The query for all there is, as a view has it.
    #[must_use]
    pub fn view(&self, targets: &Targets) -> String {
        filled(&self.over_tables(), Minutes::ALL, 0, targets)
    }

    /// How many microseconds before its minutes the query may read.
    pub(super) fn lookback(&self) -> i64 {
        self.declaration.incremental.as_ref().map_or(0, |table| i64::from(table.lookback_minutes) * MINUTE)
    }

    /// The query with those of the views it reads in the place of their names. Marts that are tables stay.
    pub(super) fn over_tables(&self) -> String {
        let views = self.reads().filter(|model| model.declaration.incremental.is_none());
        views.fold(self.sql.to_owned(), |sql, view| {
            replace_name(&sql, view.name, &format!("(\n{}\n)", view.over_tables()))
        })
    }
}

/// Fills the placeholders of a text, for rows of some minutes that may read so many microseconds before them.
pub(super) fn filled(sql: &str, minutes: Minutes, lookback: i64, targets: &Targets) -> String {
    let times = [
        (":reads_from", time(minutes.from.saturating_sub(lookback))),
        (":rows_from", time(minutes.from)),
        (":until", time(minutes.until)),
    ];
    let all = times.into_iter().chain(targets.placeholders());
    all.fold(sql.to_owned(), |sql, (name, value)| replace_name(&sql, name, &value))
}

fn time(microseconds: i64) -> String {
    format!("arrow_cast({microseconds}, 'Timestamp(Microsecond, Some(\"+00:00\"))')")
}

/// Replaces a name where it is not part of a longer one.
fn replace_name(text: &str, name: &str, by: &str) -> String {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(name) {
        let is_longer = after.starts_with(is_part) || before.ends_with(is_part);
        replaced.push_str(before);
        replaced.push_str(if is_longer { name } else { by });
        rest = after;
    }
    replaced + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_replaced() {
        let replaced = replace_name("a.b, a.b_c, xa.b (a.b)", "a.b", "(SELECT 1)");
        assert_eq!(replaced, "(SELECT 1), a.b_c, xa.b ((SELECT 1))");
    }

    #[test]
    fn queries_have_no_placeholders_and_no_views() {
        for model in Model::all() {
            let sql = model.query(Minutes { from: 0, until: MINUTE }, &Targets::default());
            assert!(!sql.contains(':') || !sql.replace("+00:00", "").contains(':'), "{model}: {sql}");
            assert!(!sql.contains("staging.") && !sql.contains("intermediate."), "{model}: {sql}");
        }
    }
}
