//! What must be merged into a record: the same for our own changes and for those read from a wire.
//!
//! A change found here names the fields and shares the record that holds them; nothing is copied for a
//! frame that is written at once and dropped. A change that was read has no record yet: it carries its own
//! values.

use std::{fmt::Debug, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

/// What every record can do; written by the `record!` declaration. `fields` has one bit for each field, in
/// the order of that declaration, the first one lowest.
pub trait Record: Clone + PartialEq + Debug + Sized {
    /// The fields as values that may be there or not.
    type Values: Clone + PartialEq + Debug + Serialize;

    /// The fields in which `next` differs.
    fn changed(&self, next: &Self) -> u64;
    /// The fields that are set; required ones always are.
    fn present(&self) -> u64;
    /// Copies of these fields; one that is not set is `null`.
    fn values(&self, fields: u64) -> Self::Values;
    /// Writes these fields into a map; one that is not set is `null`.
    fn write<M: SerializeMap>(&self, fields: u64, map: &mut M) -> Result<(), M::Error>;
    fn merge(&mut self, values: Self::Values);
    /// The record these values make, if every required field is there.
    fn create(values: Self::Values) -> Option<Self>;
}

/// Marks fields one after the other, in the order of the declaration.
#[derive(Default)]
pub(crate) struct Fields {
    bits: u64,
    next: u32,
}

impl Fields {
    pub fn push(&mut self, marked: bool) {
        self.bits |= u64::from(marked) << self.next;
        self.next += 1;
    }

    pub fn bits(self) -> u64 {
        self.bits
    }
}

/// Merge patch (RFC 7396) of a record: a field that is there replaces, `null` removes.
#[derive(Debug, Clone)]
pub enum Patch<R: Record> {
    /// These fields as they are in `to`.
    Of { fields: u64, to: Arc<R> },
    /// Values that came over a wire.
    Read(Box<R::Values>),
}

impl<R: Record> Patch<R> {
    /// What must be merged into `was` to get `is`; `None` when nothing differs.
    pub fn between(was: &Arc<R>, is: &Arc<R>) -> Option<Self> {
        let fields = if Arc::ptr_eq(was, is) { 0 } else { was.changed(is) };
        (fields != 0).then(|| Self::Of { fields, to: Arc::clone(is) })
    }

    /// What makes this record where there was none.
    pub fn whole(is: &Arc<R>) -> Self {
        Self::Of { fields: is.present(), to: Arc::clone(is) }
    }

    pub fn into_values(self) -> R::Values {
        match self {
            Self::Of { fields, to } => to.values(fields),
            Self::Read(values) => *values,
        }
    }
}

/// By what they say, not by how they hold it.
impl<R: Record> PartialEq for Patch<R> {
    fn eq(&self, other: &Self) -> bool {
        self.clone().into_values() == other.clone().into_values()
    }
}

impl<R: Record> Serialize for Patch<R> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Of { fields, to } => {
                let mut map = s.serialize_map(None)?;
                to.write(*fields, &mut map)?;
                map.end()
            }
            Self::Read(values) => values.serialize(s),
        }
    }
}

impl<'de, R: Record<Values: Deserialize<'de>>> Deserialize<'de> for Patch<R> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        R::Values::deserialize(d).map(|values| Self::Read(Box::new(values)))
    }
}
