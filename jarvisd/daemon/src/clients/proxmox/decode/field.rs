//! One value as Proxmox may write it: number, text of a number, 0/1, true, null, or missing.
//!
//! Reading a [`Field`] never fails: what makes no sense is kept as odd, so the row around it survives.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Oddities, mend};

#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) enum Field<T> {
    /// Missing, null, or an empty text: not known.
    #[default]
    Missing,
    Value(T),
    /// There is something, but not what it should be.
    Odd,
}

impl<T> Field<T> {
    /// The value, if there is one that can be read.
    pub(in super::super) fn value(self) -> Option<T> {
        match self {
            Self::Value(v) => Some(v),
            Self::Missing | Self::Odd => None,
        }
    }

    /// The value; an odd one is noted under its name.
    pub(super) fn read(self, name: &str, odd: &mut Oddities) -> Option<T> {
        if matches!(self, Self::Odd) {
            odd.note(name);
        }
        self.value()
    }
}

/// A plain JSON value, however it was written.
pub(in super::super) enum Scalar<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(Cow<'a, str>),
}

/// A type that can be made of a [`Scalar`]; `None` when it makes no sense.
pub(in super::super) trait Loose: Sized {
    fn from_scalar(scalar: Scalar<'_>) -> Option<Self>;
}

impl Loose for f64 {
    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        let n = match scalar {
            // Exact below 2^53, and no figure here is shown to more than 15 digits.
            Scalar::Unsigned(n) => n.to_string().parse().ok()?,
            Scalar::Signed(n) => n.to_string().parse().ok()?,
            Scalar::Float(n) => n,
            Scalar::Bool(_) => return None,
            Scalar::Text(t) => t.trim().parse().ok()?,
        };
        n.is_finite().then_some(n)
    }
}

impl Loose for u64 {
    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Unsigned(n) => Some(n),
            Scalar::Signed(n) => n.try_into().ok(),
            Scalar::Float(n) => whole(n),
            Scalar::Bool(b) => Some(b.into()),
            Scalar::Text(t) => {
                let t = t.trim();
                t.parse().ok().or_else(|| t.parse::<f64>().ok().and_then(whole))
            }
        }
    }
}

/// A float as a whole number, cut off like Perl does it.
fn whole(n: f64) -> Option<u64> {
    // Printed without fraction a float is exact, and parsing refuses what is negative or too large.
    if n.is_finite() { format!("{:.0}", n.trunc()).parse().ok() } else { None }
}

impl Loose for u32 {
    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        u64::from_scalar(scalar)?.try_into().ok()
    }
}

impl Loose for bool {
    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        match scalar {
            Scalar::Bool(b) => Some(b),
            Scalar::Text(t) => match t.trim() {
                "1" | "true" | "yes" | "on" => Some(true),
                "0" | "false" | "no" | "off" => Some(false),
                _ => None,
            },
            number => match f64::from_scalar(number)? {
                1.0 => Some(true),
                0.0 => Some(false),
                _ => None,
            },
        }
    }
}

impl Loose for String {
    fn from_scalar(scalar: Scalar<'_>) -> Option<Self> {
        Some(match scalar {
            Scalar::Unsigned(n) => n.to_string(),
            Scalar::Signed(n) => n.to_string(),
            Scalar::Float(n) => n.to_string(),
            Scalar::Bool(_) => return None,
            Scalar::Text(t) => mend::printable(t),
        })
    }
}

impl<'de, T: Loose> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

fn made<T: Loose, E>(scalar: Scalar<'_>) -> Result<Field<T>, E> {
    Ok(T::from_scalar(scalar).map_or(Field::Odd, Field::Value))
}

impl<'de, T: Loose> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
        made(Scalar::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        made(Scalar::Signed(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        made(Scalar::Unsigned(v))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        made(Scalar::Float(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        if v.trim().is_empty() { Ok(Field::Missing) } else { made(Scalar::Text(Cow::Borrowed(v))) }
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Missing)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Odd)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Odd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Loose>(json: &str) -> Field<T> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_come_in_every_dress() {
        for json in ["8192", "\"8192\"", "8192.0", "\" 8192 \"", "8192.9"] {
            assert_eq!(read::<u64>(json), Field::Value(8192), "{json}");
        }
        assert_eq!(read::<u64>("true"), Field::Value(1));
        assert_eq!(read::<f64>("\"0.25\""), Field::Value(0.25));
        assert_eq!(read::<f64>("18446744073709551615"), Field::Value(18446744073709551615.0));
        for json in ["-1", "\"x\"", "[]", "{\"a\":[1]}", "1e300", "\"NaN\""] {
            assert_eq!(read::<u64>(json), Field::Odd, "{json}");
        }
        assert_eq!(read::<f64>("\"inf\""), Field::Odd);
        assert_eq!(read::<u32>("4294967296"), Field::Odd);
    }

    #[test]
    fn booleans_and_texts_come_in_every_dress() {
        for json in ["1", "\"1\"", "true", "1.0"] {
            assert_eq!(read::<bool>(json), Field::Value(true), "{json}");
        }
        for json in ["0", "\"0\"", "false"] {
            assert_eq!(read::<bool>(json), Field::Value(false), "{json}");
        }
        assert_eq!(read::<bool>("2"), Field::Odd);
        assert_eq!(read::<String>("100"), Field::Value("100".into()));
        for json in ["null", "\"\"", "\"  \""] {
            assert_eq!(read::<String>(json), Field::Missing, "{json}");
            assert_eq!(read::<u64>(json), Field::Missing, "{json}");
        }
    }
}
