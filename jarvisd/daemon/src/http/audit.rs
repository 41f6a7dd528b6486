//! The audit over REST: rows of the chain, newest first. Checking and exporting are the command line's matter.

use actix_web::HttpResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    acting::RowTold,
    call::{Call, json},
    error::ApiError,
    guard::store_error,
    paging::{self, Cursor},
    query::Limit,
};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// From `next_cursor` of the page before.
    cursor: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditList {
    /// Newest first.
    items: Vec<RowTold>,
    /// Give it as `cursor` for older ones; `null` at the end.
    next_cursor: Option<String>,
}

pub async fn list(call: Call) -> Result<HttpResponse, ApiError> {
    let query: AuditQuery = call.query()?;
    let before = query.cursor.as_ref().map(|cursor| number(cursor.as_str())).transpose()?;
    let page = call.site.store.audit().page(before, query.limit.rows()).await;
    let page = page.map_err(|e| store_error("reading the audit", e))?;
    let items = page.rows.into_iter().map(RowTold::from).collect();
    json(&AuditList { items, next_cursor: page.next_cursor.map(|seq| format!("a{seq}")) })
}

/// The number of the last row seen; the letter keeps people from counting on it.
fn number(text: &str) -> Result<u64, ApiError> {
    text.strip_prefix('a')
        .and_then(|n| n.parse().ok())
        .filter(|n: &u64| *n > 0)
        .ok_or_else(paging::unknown_cursor)
}
