//! A bound on what one caller may send. Not here: the bound itself (the poller has one while nobody looks).

/// Grants requests one by one.
pub trait Allowance: Send + Sync {
    /// Whether one more request may be sent now; a granted one counts as sent.
    fn take(&self) -> bool;
}

/// Without a bound everything is granted.
pub(super) fn granted(allowance: Option<&dyn Allowance>) -> bool {
    allowance.is_none_or(Allowance::take)
}
