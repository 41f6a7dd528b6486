//! What a credential was given for, and no more.

use super::{Caller, Case, Guard, Notes};
use crate::tools::{Tier, listing::Profile};

pub(super) const GUARD: Guard = Guard { name: "scopes", reads_too: true, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let changes = case.tier > Tier::Green;
    match &case.request.caller {
        Caller::Human { .. } | Caller::Runbook { .. } => {}
        Caller::Token { scopes, .. } if changes => {
            if !scopes.act {
                notes.refuse("this token may not act; use one with the scope `act`");
            }
        }
        Caller::Token { scopes, .. } => {
            if !scopes.read {
                notes.refuse("this token may not read; use one with the scope `read`");
            }
        }
        Caller::Mcp { scopes, profile, .. } => {
            if !scopes.mcp {
                notes.refuse("this token is not for MCP; use one with the scope `mcp`");
            }
            if changes && !scopes.act {
                notes.refuse("this token may not act; use one with the scopes `mcp` and `act`");
            }
            if changes && *profile == Profile::Read {
                notes.refuse("this MCP connection is read-only; connect with the act profile");
            }
        }
        Caller::Model { scopes, .. } => {
            if !scopes.chat {
                notes.refuse("the conversation's credential is not for chat; use one with the scope `chat`");
            }
            if changes && !scopes.act {
                notes.refuse(
                    "the conversation's credential may not act; use one with the scopes `chat` and `act`",
                );
            }
        }
    }
}
