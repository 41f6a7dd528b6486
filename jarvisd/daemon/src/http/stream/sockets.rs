//! How many streams may be open, in all and for one credential.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::super::call::Caller;
use crate::store::SecretHash;

/// Who holds a stream: its right to it is looked up again while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    Session(SecretHash),
    Token(i64, SecretHash),
}

impl Credential {
    pub fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::Nobody => None,
            Caller::Session(session) => Some(Self::Session(session.hash)),
            Caller::Token(token) => Some(Self::Token(token.id, token.hash)),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Sockets {
    max: usize,
    open: Arc<Mutex<HashMap<Credential, usize>>>,
}

impl Sockets {
    pub fn new(max: u16) -> Self {
        Self { max: max.into(), open: Arc::default() }
    }

    /// One credential may hold five sixths of all streams: a leaked token cannot keep the operator out.
    fn max_each(&self) -> usize {
        (self.max - self.max / 6).max(1)
    }

    /// A seat for one stream, or `None` when there is none left.
    pub fn take(&self, credential: Credential) -> Option<Seat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let mine = open.get(&credential).copied().unwrap_or(0);
        if all >= self.max || mine >= self.max_each() {
            return None;
        }
        open.insert(credential.clone(), mine + 1);
        Some(Seat { sockets: self.clone(), credential })
    }
}

/// Frees its place when the stream ends, however it ends.
#[derive(Debug)]
pub struct Seat {
    sockets: Sockets,
    credential: Credential,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.sockets.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = open.get_mut(&self.credential) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                open.remove(&self.credential);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_for_each_and_for_all_and_come_back() {
        let sockets = Sockets::new(6);
        let [a, b] = [b"a", b"b"].map(|s| Credential::Session(SecretHash::of(s)));
        let mine: Vec<Seat> = std::iter::from_fn(|| sockets.take(a.clone())).collect();
        assert_eq!(mine.len(), 5);
        let other = sockets.take(b.clone());
        assert!(other.is_some() && sockets.take(b.clone()).is_none());
        drop(mine);
        assert!(sockets.take(a).is_some());
        drop(other);
    }
}
