//! Families gathered sample by sample, then written in one go.

use std::{collections::BTreeMap, fmt};

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

type Labels = Vec<(&'static str, String)>;

/// One sample's value.
#[derive(Debug, Clone)]
pub enum Value {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Value {
    fn from(v: u64) -> Self {
        Self::Whole(v)
    }
}

impl From<u32> for Value {
    fn from(v: u32) -> Self {
        Self::Whole(v.into())
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Self::Whole(v.into())
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Self::Real(v)
    }
}

/// How often something took how long.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    pub sum_s: f64,
    /// Upper bound in seconds and how many fell between it and the one before.
    pub buckets: Vec<(f64, u64)>,
}

#[derive(Debug)]
enum Rows {
    Gauge(Vec<(Labels, Value)>),
    Counter(Vec<(Labels, Value)>),
    Histogram(Vec<(Labels, Durations)>),
}

#[derive(Debug, Default)]
pub struct Families {
    families: BTreeMap<&'static str, (&'static str, Rows)>,
}

impl Families {
    /// A figure as it is now; nothing when it is not known.
    pub fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Labels,
        value: Option<impl Into<Value>>,
    ) {
        let Some(value) = value else { return };
        let family = self.families.entry(name).or_insert_with(|| (help, Rows::Gauge(Vec::new())));
        if let Rows::Gauge(rows) = &mut family.1 {
            rows.push((labels, value.into()));
        }
    }

    /// A count since some beginning; `name` without `_total`, which is added.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Labels,
        value: impl Into<Value>,
    ) {
        let family = self.families.entry(name).or_insert_with(|| (help, Rows::Counter(Vec::new())));
        if let Rows::Counter(rows) = &mut family.1 {
            rows.push((labels, value.into()));
        }
    }

    pub fn histogram(&mut self, name: &'static str, help: &'static str, labels: Labels, value: Durations) {
        let family = self.families.entry(name).or_insert_with(|| (help, Rows::Histogram(Vec::new())));
        if let Rows::Histogram(rows) = &mut family.1 {
            rows.push((labels, value));
        }
    }

    pub fn encode(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        for (name, (help, rows)) in &self.families {
            match rows {
                Rows::Gauge(rows) => {
                    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                    rows.iter()
                        .try_for_each(|(labels, value)| with(&mut metric, labels, |row| gauge(row, value)))?;
                }
                Rows::Counter(rows) => {
                    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
                    rows.iter().try_for_each(|(labels, value)| {
                        with(&mut metric, labels, |row| counter(row, value))
                    })?;
                }
                Rows::Histogram(rows) => {
                    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
                    rows.iter().try_for_each(|(labels, value)| {
                        with(&mut metric, labels, |row| histogram(row, value))
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// A sample without labels is written without the empty brackets a family would give it.
fn with(
    metric: &mut MetricEncoder<'_>,
    labels: &Labels,
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if labels.is_empty() { write(metric) } else { write(&mut metric.encode_family(labels)?) }
}

fn gauge(row: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Whole(v) => row.encode_gauge(v),
        Value::Real(v) => row.encode_gauge(v),
    }
}

fn counter(row: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Whole(v) => row.encode_counter::<NoLabelSet, _, u64>(v, None),
        Value::Real(v) => row.encode_counter::<NoLabelSet, _, u64>(v, None),
    }
}

fn histogram(row: &mut MetricEncoder<'_>, value: &Durations) -> fmt::Result {
    let count = value.buckets.iter().map(|(_, n)| n).sum();
    row.encode_histogram::<NoLabelSet>(value.sum_s, count, &value.buckets, None)
}
