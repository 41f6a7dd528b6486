//! The last changes, kept so that a socket that was cut can take up where it was.

use std::collections::VecDeque;

use super::Frame;

/// Changes kept: over three minutes of a watched cluster, longer than any reload or Wi-Fi hole.
pub const RING_FRAMES_MAX: usize = 600;
/// And never more than this, whatever the size of the cluster; a snapshot is cheaper beyond.
pub const RING_BYTES_MAX: usize = 8 << 20;

#[derive(Default)]
pub(super) struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Ring {
    pub fn push(&mut self, frame: Frame) {
        self.bytes += frame.text.len();
        self.frames.push_back(frame);
        while self.frames.len() > RING_FRAMES_MAX || self.bytes > RING_BYTES_MAX {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.text.len());
        }
    }

    /// Forgets everything: what comes next does not join on to what is kept.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    /// Every change after `seq` up to `last`, or `None` when some are gone or `seq` was never reached.
    pub fn since(&self, seq: i64, last: i64) -> Option<Vec<Frame>> {
        if seq == last {
            return Some(Vec::new());
        }
        let first = self.frames.front()?.seq;
        if seq > last || seq < 0 || seq.checked_add(1)? < first {
            return None;
        }
        Some(self.frames.iter().filter(|f| f.seq > seq).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: i64, len: usize) -> Frame {
        Frame { seq, text: "x".repeat(len).into() }
    }

    #[test]
    fn what_was_missed_comes_back_in_order_and_without_a_hole() {
        let mut ring = Ring::default();
        (1..=5).for_each(|n| ring.push(frame(n, 10)));
        let seqs = |from| ring.since(from, 5).map(|f| f.iter().map(|f| f.seq).collect::<Vec<_>>());
        assert_eq!(seqs(0), Some(vec![1, 2, 3, 4, 5]));
        assert_eq!(seqs(3), Some(vec![4, 5]));
        assert_eq!(seqs(5), Some(vec![]));
        assert_eq!(seqs(6), None, "a place that was never reached");
        assert_eq!(seqs(-1), None);
        assert_eq!(seqs(i64::MAX), None);
    }

    #[test]
    fn it_forgets_the_oldest_by_count_and_by_size() {
        let mut ring = Ring::default();
        (1..=700).for_each(|n| ring.push(frame(n, 10)));
        assert_eq!(ring.frames.len(), RING_FRAMES_MAX);
        assert!(ring.since(99, 700).is_none());
        assert_eq!(ring.since(100, 700).map(|f| f.len()), Some(600));
        ring.push(frame(701, RING_BYTES_MAX));
        assert_eq!(ring.frames.len(), 1);
        assert_eq!(ring.bytes, RING_BYTES_MAX);
        ring.push(frame(702, RING_BYTES_MAX + 1));
        assert_eq!((ring.frames.len(), ring.bytes), (0, 0));
        assert!(ring.since(701, 702).is_none());
    }
}
