//! Pages over the current state: sorted, filtered, and continued by a cursor that names the last row seen.
//!
//! The state moves between two pages. A cursor says "after this place in the order", not "from row 100", so
//! no row that stays where it is comes twice or is left out.

use std::{borrow::Cow, cmp::Ordering};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::error::ApiError;

/// Longest cursor that is looked at.
const CURSOR_CHARS_MAX: usize = 2_048;

/// The text a page ended with. Its shape is checked when it is read; whether it leads anywhere, by the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let shaped = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if shaped && (1..=CURSOR_CHARS_MAX).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom("cursor is not one that was given out; start without it"))
        }
    }
}

impl JsonSchema for Cursor {
    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "minLength": 1, "maxLength": CURSOR_CHARS_MAX })
    }
}

/// A cursor that leads nowhere in this list: well-formed, but no page is there.
pub fn unknown_cursor() -> ApiError {
    ApiError::not_found("the cursor is not one of this list; start without it")
}

/// What rows are ordered by. Unknown values come first, as a missing figure does on the screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Key {
    None,
    Number(f64),
    Text(String),
}

impl Key {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

/// A key inside a cursor. A number travels as its bits: read back as decimals it could be the next number, and a
/// page would come twice.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    None(()),
    Bits(u64),
    Text(String),
}

impl From<Key> for Written {
    fn from(key: Key) -> Self {
        match key {
            Key::None => Self::None(()),
            Key::Number(n) => Self::Bits(n.to_bits()),
            Key::Text(text) => Self::Text(text),
        }
    }
}

impl From<Written> for Key {
    fn from(written: Written) -> Self {
        match written {
            Written::None(()) => Self::None,
            Written::Bits(bits) => Self::Number(f64::from_bits(bits)),
            Written::Text(text) => Self::Text(text),
        }
    }
}

impl From<Option<f64>> for Key {
    fn from(v: Option<f64>) -> Self {
        v.map_or(Self::None, Self::Number)
    }
}

/// A row's place: what it is sorted by, then its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place(pub Key, pub Key);

impl Place {
    fn order(&self, other: &Self, descending: bool) -> Ordering {
        let order = self.0.order(&other.0).then_with(|| self.1.order(&other.1));
        if descending { order.reverse() } else { order }
    }
}

#[derive(Debug)]
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next_cursor: Option<String>,
    /// Rows of all pages together, at this moment.
    pub total: usize,
}

/// `sort` is the name the client sorted by, with `-` for descending: a cursor of another order is refused.
pub fn page<T>(
    mut rows: Vec<(Place, T)>,
    sort: &str,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Page<T>, ApiError> {
    let descending = sort.starts_with('-');
    let total = rows.len();
    rows.sort_by(|a, b| a.0.order(&b.0, descending));
    if let Some(cursor) = cursor {
        let after = decode(cursor.as_str(), sort).ok_or_else(unknown_cursor)?;
        rows.retain(|(place, _)| place.order(&after, descending) == Ordering::Greater);
    }
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = if more { rows.last().and_then(|(place, _)| encode(place, sort)) } else { None };
    Ok(Page { rows: rows.into_iter().map(|(_, row)| row).collect(), next_cursor, total })
}

fn encode(place: &Place, sort: &str) -> Option<String> {
    serde_json::to_vec(&(sort, place)).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

fn decode(cursor: &str, sort: &str) -> Option<Place> {
    let json = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (of, place): (String, Place) = serde_json::from_slice(&json).ok()?;
    (of == sort).then_some(place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(values: &[(Option<f64>, u32)]) -> Vec<(Place, u32)> {
        values.iter().map(|(v, id)| (Place(Key::from(*v), Key::Number(f64::from(*id))), *id)).collect()
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        let first = page(rows(&[(None, 1), (None, 2)]), "cpu", None, 1).unwrap();
        let cursor = Cursor(first.next_cursor.unwrap());
        assert!(page(rows(&[(None, 1)]), "-cpu", Some(&cursor), 1).is_err());
        assert!(page(rows(&[(None, 1)]), "cpu", Some(&Cursor("rubbish".into())), 1).is_err());
        assert_eq!(page(rows(&[(None, 1), (None, 2)]), "cpu", Some(&cursor), 1).unwrap().rows, [2]);
    }

    proptest! {
        #[test]
        fn pages_together_are_the_whole_list_once_and_in_order(
            values in prop::collection::btree_map(0_u32..500, prop::option::of(-5.0_f64..5.0), 0..60),
            limit in 1_usize..20,
            descending in any::<bool>(),
        ) {
            let all: Vec<(Option<f64>, u32)> = values.into_iter().map(|(id, v)| (v, id)).collect();
            let sort = if descending { "-cpu" } else { "cpu" };
            let whole = page(rows(&all), sort, None, usize::MAX).unwrap();
            let (mut seen, mut cursor) = (Vec::new(), None);
            for _ in 0..=all.len() {
                let next = page(rows(&all), sort, cursor.as_ref(), limit).unwrap();
                prop_assert_eq!(next.total, all.len());
                prop_assert!(next.rows.len() <= limit);
                seen.extend(next.rows);
                cursor = next.next_cursor.map(Cursor);
                if cursor.is_none() { break; }
            }
            prop_assert_eq!(seen, whole.rows);
        }

        #[test]
        fn rows_that_leave_between_two_pages_disturb_no_other(
            ids in prop::collection::btree_set(0_u32..200, 4..40), gone in any::<prop::sample::Index>(),
        ) {
            let all: Vec<(Option<f64>, u32)> = ids.iter().map(|id| (None, *id)).collect();
            let half = all.len() / 2;
            let first = page(rows(&all), "id", None, half).unwrap();
            let removed = all[gone.index(all.len())].1;
            let left: Vec<_> = all.iter().copied().filter(|(_, id)| *id != removed).collect();
            let second = page(rows(&left), "id", first.next_cursor.map(Cursor).as_ref(), usize::MAX).unwrap();
            let expected: Vec<u32> = ids.iter().copied().skip(half).filter(|id| *id != removed).collect();
            prop_assert_eq!(second.rows, expected);
        }

        #[test]
        fn any_cursor_text_is_survived(cursor in "\\PC{0,100}") {
            let _ = page(rows(&[(None, 1)]), "id", Some(&Cursor(cursor)), 1);
        }
    }
}
