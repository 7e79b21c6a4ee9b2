//! What is told at one look: families of figures with their samples.

use super::Distribution;

/// Something that has figures to tell.
pub trait Source: Send + Sync {
    /// Adds its figures to the page. Must not wait for anything that works for the market.
    fn tell(&self, page: &mut Page);
}

impl<F: Fn(&mut Page) + Send + Sync> Source for F {
    fn tell(&self, page: &mut Page) {
        self(page);
    }
}

/// All families told so far, in the order of their first mention.
#[derive(Debug, Default)]
pub struct Page {
    families: Vec<Family>,
}

/// Figures of one name, apart by their labels.
#[derive(Debug)]
pub struct Family {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub samples: Vec<Sample>,
}

/// What a family's figures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the program's start.
    Counter,
    Gauge,
    Histogram(Unit),
}

/// What the values of a histogram are whole numbers of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Told in seconds.
    Nanoseconds,
}

/// One figure, or one distribution, with its labels.
#[derive(Debug)]
pub struct Sample {
    pub labels: Vec<(&'static str, String)>,
    pub value: Value,
}

#[derive(Debug)]
pub enum Value {
    Whole(u64),
    Number(f64),
    Distribution(Box<Distribution>),
}

impl Page {
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, Kind::Counter)
    }

    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, Kind::Gauge)
    }

    pub fn histogram(&mut self, name: &'static str, help: &'static str, unit: Unit) -> &mut Family {
        self.family(name, help, Kind::Histogram(unit))
    }

    #[must_use]
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The family of this name: that of several sources is one, described by the first.
    fn family(&mut self, name: &'static str, help: &'static str, kind: Kind) -> &mut Family {
        let known = self.families.iter().position(|family| family.name == name);
        let place = known.unwrap_or_else(|| {
            self.families.push(Family { name, help, kind, samples: Vec::new() });
            self.families.len() - 1
        });
        &mut self.families[place]
    }
}

impl Family {
    /// Adds a whole number.
    pub fn whole(&mut self, labels: &[(&'static str, &str)], value: u64) -> &mut Self {
        self.sample(labels, Value::Whole(value))
    }

    /// Adds a number.
    pub fn number(&mut self, labels: &[(&'static str, &str)], value: f64) -> &mut Self {
        self.sample(labels, Value::Number(value))
    }

    /// Adds a distribution, to a histogram.
    pub fn distribution(&mut self, labels: &[(&'static str, &str)], value: Distribution) -> &mut Self {
        self.sample(labels, Value::Distribution(Box::new(value)))
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], value: Value) -> &mut Self {
        let labels = labels.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        self.samples.push(Sample { labels, value });
        self
    }
}
