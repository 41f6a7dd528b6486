//! What is asked of the executor, and what it answers.

use jarvis_core::{
    policy::{Caller, Fact, Identity},
    protocol::acting::{ActionView, ApprovalView, ReadResult, Refusal},
    tools::Operation,
};

/// One call. The caller is built from the authenticated connection, never from anything a request says of itself.
#[derive(Debug)]
pub struct Call {
    pub operation: Operation,
    pub caller: Caller,
    /// Number of the API token it came with; missing for a person's session.
    pub token: Option<i64>,
    /// Which thing was meant when the call was planned; missing when it is planned and asked for at once.
    pub pin: Option<Identity>,
    /// Whether the plan has read text that others wrote.
    pub tainted: Fact<bool>,
}

#[derive(Debug)]
pub enum Answer {
    Read(ReadResult),
    /// Sent, and over: how it ended, and what a fresh look showed.
    Done(Box<ActionView>),
    /// Begun, and not over yet; ask [`super::Executor::action`].
    Running(Box<ActionView>),
    /// A person must decide first.
    Pending(Box<ApprovalView>),
    Refused(Refusal),
}
