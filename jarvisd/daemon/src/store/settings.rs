//! Small values that are changed at run time, each a JSON document under a name.

use diesel::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use super::{Store, StoreError, schema::settings};

/// A setting is a switch, a level, a short list; anything longer wants a table.
const VALUE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, Copy)]
pub struct Settings<'a>(&'a Store);

impl Store {
    pub fn settings(&self) -> Settings<'_> {
        Settings(self)
    }
}

impl Settings<'_> {
    /// `None` if it was never put. A value of another shape is an error and not a default: it may be a switch.
    pub async fn get<T: DeserializeOwned>(self, key: &'static str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self
            .0
            .read("read a setting", move |conn| {
                Ok(settings::table.find(key).select(settings::value).first(conn).optional()?)
            })
            .await?;
        text.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| {
            StoreError::Refused(format!("the stored setting `{key}` has a shape this version does not know"))
        })
    }

    pub async fn put<T: Serialize>(self, key: &'static str, value: &T) -> Result<(), StoreError> {
        let text = serde_json::to_string(value)
            .map_err(|_| StoreError::Refused(format!("the setting `{key}` cannot be written as JSON")))?;
        if text.len() > VALUE_BYTES_MAX {
            return Err(StoreError::Refused(format!("the setting `{key}` is over {VALUE_BYTES_MAX} bytes")));
        }
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write("write a setting", move |conn| {
                diesel::replace_into(settings::table)
                    .values((
                        settings::key.eq(key),
                        settings::value.eq(&text),
                        settings::changed_ms.eq(now_ms),
                    ))
                    .execute(conn)?;
                Ok(())
            })
            .await
    }

    pub async fn remove(self, key: &'static str) -> Result<bool, StoreError> {
        self.0
            .write("remove a setting", move |conn| {
                Ok(diesel::delete(settings::table.find(key)).execute(conn)? == 1)
            })
            .await
    }
}
