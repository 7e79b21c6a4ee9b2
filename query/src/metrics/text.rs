//! Prometheus' text format, version 0.0.4.

use std::fmt::Write;

use depthlake_orderbook::metrics::{Distribution, Family, Kind, Page, Unit, Value};

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bounds of the buckets of times, in nanoseconds and as they are written in seconds.
const TIMES: [(u64, &str); 25] = [
    (1_000, "1e-06"),
    (2_500, "2.5e-06"),
    (5_000, "5e-06"),
    (10_000, "1e-05"),
    (25_000, "2.5e-05"),
    (50_000, "5e-05"),
    (100_000, "0.0001"),
    (250_000, "0.00025"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1"),
    (2_500_000_000, "2.5"),
    (5_000_000_000, "5"),
    (10_000_000_000, "10"),
    (25_000_000_000, "25"),
    (50_000_000_000, "50"),
    (100_000_000_000, "100"),
];

/// Writes a page.
pub(super) fn write(page: &Page) -> String {
    let mut text = String::new();
    for family in page.families() {
        write_family(&mut text, family);
    }
    text
}

fn write_family(text: &mut String, family: &Family) {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let (name, help) = (family.name, family.help.replace('\\', "\\\\").replace('\n', "\\n"));
    // Writing to a text cannot fail.
    _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    for sample in &family.samples {
        match &sample.value {
            Value::Whole(value) => _ = writeln!(text, "{name}{} {value}", Labels(&sample.labels, None)),
            Value::Number(value) => {
                _ = writeln!(text, "{name}{} {}", Labels(&sample.labels, None), Number(*value));
            }
            Value::Distribution(values) => write_histogram(text, family, &sample.labels, values),
        }
    }
}

fn write_histogram(text: &mut String, family: &Family, labels: &[(&str, String)], values: &Distribution) {
    let name = family.name;
    let Kind::Histogram(Unit::Nanoseconds) = family.kind else { return };
    for (bound, le) in TIMES {
        _ = writeln!(text, "{name}_bucket{} {}", Labels(labels, Some(le)), values.at_most(bound));
    }
    _ = writeln!(text, "{name}_bucket{} {}", Labels(labels, Some("+Inf")), values.count());
    #[expect(clippy::cast_precision_loss, reason = "sums of times, for rates and means")]
    let seconds = values.sum() as f64 / 1e9;
    _ = writeln!(text, "{name}_sum{} {}", Labels(labels, None), Number(seconds));
    _ = writeln!(text, "{name}_count{} {}", Labels(labels, None), values.count());
}

/// Labels in braces, with the bound of a bucket where there is one; nothing where there are none.
struct Labels<'a>(&'a [(&'a str, String)], Option<&'a str>);

impl std::fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bound = self.1.map(|le| ("le", le));
        let labels = self.0.iter().map(|(name, value)| (*name, value.as_str())).chain(bound);
        let mut opening = '{';
        for (name, value) in labels {
            write!(f, "{opening}{name}=\"")?;
            for character in value.chars() {
                match character {
                    '\\' => f.write_str("\\\\")?,
                    '"' => f.write_str("\\\"")?,
                    '\n' => f.write_str("\\n")?,
                    other => f.write_char(other)?,
                }
            }
            f.write_char('"')?;
            opening = ',';
        }
        if opening == ',' { f.write_char('}') } else { Ok(()) }
    }
}

struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            value if value == f64::INFINITY => f.write_str("+Inf"),
            value if value == f64::NEG_INFINITY => f.write_str("-Inf"),
            value => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::metrics::Histogram;

    use super::*;

    #[test]
    fn a_page_reads_as_the_format_says() {
        let waits = Histogram::default();
        waits.record(1_200);
        waits.record(3_000_000_000);
        let mut page = Page::default();
        page.counter("depthlake_a_total", "Counts \\ a.").whole(&[("of", "a\"b\n")], 3);
        page.gauge("depthlake_b", "B.").number(&[], -0.5).number(&[("x", "")], f64::INFINITY);
        page.histogram("depthlake_c_seconds", "C.", Unit::Nanoseconds).distribution(&[], waits.snapshot());
        let text = write(&page);
        for line in [
            "# HELP depthlake_a_total Counts \\\\ a.",
            "# TYPE depthlake_a_total counter",
            "depthlake_a_total{of=\"a\\\"b\\n\"} 3",
            "depthlake_b -0.5",
            "depthlake_b{x=\"\"} +Inf",
            "depthlake_c_seconds_bucket{le=\"1e-06\"} 0",
            "depthlake_c_seconds_bucket{le=\"2.5e-06\"} 1",
            "depthlake_c_seconds_bucket{le=\"5\"} 2",
            "depthlake_c_seconds_bucket{le=\"+Inf\"} 2",
            "depthlake_c_seconds_sum 3.0000012",
            "depthlake_c_seconds_count 2",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_bounds_are_what_they_are_written_as() {
        for (bound, le) in TIMES {
            #[expect(clippy::cast_precision_loss)]
            let seconds = bound as f64 / 1e9;
            assert!((seconds - le.parse::<f64>().unwrap()).abs() < 1e-12, "{le}");
        }
        assert!(TIMES.is_sorted_by_key(|(bound, _)| *bound));
    }
}
