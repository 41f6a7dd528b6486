//! `GET /version` and `GET /access/permissions`: who answers, and what we may ask it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Field;
use super::{Decoded, Unreadable, start};

/// `9.2.11`
pub(in super::super) fn version(data: &RawValue) -> Result<Decoded<String>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Version {
        version: Field<String>,
        release: Field<String>,
    }
    let f: Version =
        serde_json::from_str(data.get()).map_err(|_| format!("not a version: {}", start(data)))?;
    let value =
        f.version.value().or(f.release.value()).ok_or_else(|| format!("no version: {}", start(data)))?;
    Ok(Decoded { value, ..Decoded::default() })
}

/// Path → privileges. What is not set is left out.
pub(in super::super) fn permissions(
    data: &RawValue,
) -> Result<Decoded<BTreeMap<String, BTreeSet<String>>>, Unreadable> {
    // Perl writes an empty hash as `{}`, but some paths turn it into `[]` or null.
    if matches!(data.get().trim(), "[]" | "null") {
        return Ok(Decoded::default());
    }
    let paths: BTreeMap<String, BTreeMap<String, Field<bool>>> =
        serde_json::from_str(data.get()).map_err(|_| format!("not permissions: {}", start(data)))?;
    let held = |(path, all): (String, BTreeMap<String, Field<bool>>)| {
        // The value says whether the privilege is inherited further down, not whether it is held.
        let names = all.into_iter().filter(|(_, f)| matches!(f, Field::Value(_))).map(|(name, _)| name);
        (path, names.collect())
    };
    let value = paths.into_iter().map(held).collect();
    Ok(Decoded { value, ..Decoded::default() })
}
