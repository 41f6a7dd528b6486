//! Whether what an API token asked for may still go on. A token may be revoked, here or by another process, or expire
//! between asking and acting. At its turn policy looks at it; here it goes as soon as it is noticed.

use std::collections::BTreeMap;

use jarvis_core::{audit::Kind, policy::Fact};
use serde_json::json;

use super::Inner;
use crate::store::Token;

impl Inner {
    /// Why the token that a call came with counts no more; `None` while it does, and without one.
    pub(super) async fn credential_over(&self, token: Option<i64>) -> Fact<Option<String>> {
        let Some(id) = token else { return Fact::Known(None) };
        match self.parts.store.tokens().some(vec![id]).await {
            Ok(tokens) => Fact::Known(match tokens.first() {
                Some(token) => why_over(token, self.parts.clock.now_ms()),
                None => Some("the token which asked for it is not on record".to_owned()),
            }),
            Err(error) => Fact::unknown(error.to_string()),
        }
    }

    /// Voids the questions of tokens that are over, and takes what they have waiting out of the line.
    pub(super) async fn end_what_tokens_asked(&self) {
        let mut ids = self.asking_tokens();
        ids.extend(self.line.waiting_tokens().into_iter().map(|(_, token)| token));
        if ids.is_empty() {
            return;
        }
        let now_ms = self.parts.clock.now_ms();
        let over: BTreeMap<i64, String> = match self
            .parts
            .store
            .tokens()
            .some(ids.into_iter().collect())
            .await
        {
            Ok(tokens) => {
                tokens.iter().filter_map(|token| Some((token.id, why_over(token, now_ms)?))).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "whether the tokens of open questions are still good cannot be read");
                return;
            }
        };
        if over.is_empty() {
            return;
        }
        // Questions first: what is approved in this moment then finds its approval void.
        self.void_of(&over).await;
        for (id, token) in self.line.waiting_tokens() {
            let Some(why) = over.get(&token) else { continue };
            if self.line.take_back(&id) {
                self.taken_from(&id, why).await;
            }
        }
    }

    async fn taken_from(&self, id: &str, why: &str) {
        let Some(page) = self.book.page(id) else { return };
        self.came_to_nothing(&page, why);
        let view = page.view();
        let detail = json!({"action": id, "tool": view.tool, "args": view.args, "why": why});
        let row = self.draft(Kind::TakenBack, "system", &view.target, detail);
        if let Err(error) = self.parts.store.audit().append(row).await {
            tracing::error!(%error, action = %id, "that an action was taken back could not be recorded");
        }
    }
}

fn why_over(token: &Token, now_ms: i64) -> Option<String> {
    let what = match token {
        Token { revoked_ms: Some(_), .. } => "was revoked",
        Token { expires_ms, .. } if *expires_ms <= now_ms => "has expired",
        Token { .. } => return None,
    };
    Some(format!("the token {}, which asked for it, {what}", token.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_over_when_it_is_revoked_or_its_time_is() {
        let token = |revoked_ms, expires_ms| Token {
            id: 1,
            name: "ha".into(),
            scopes: vec!["act".into()],
            created_ms: 0,
            expires_ms,
            last_used_ms: None,
            revoked_ms,
        };
        assert_eq!(why_over(&token(None, 11), 10), None);
        let why = |revoked_ms, expires_ms| why_over(&token(revoked_ms, expires_ms), 10).unwrap();
        assert_eq!(why(None, 10), "the token ha, which asked for it, has expired");
        assert_eq!(why(Some(3), 11), "the token ha, which asked for it, was revoked");
    }
}
