//! Bodies: whole, cut off in the middle, or endless.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::num;

pub enum Payload {
    Whole(Option<Bytes>),
    /// This much, then the connection breaks; the whole length was announced.
    Cut {
        part: Option<Bytes>,
        whole: u64,
        flushed: bool,
    },
    /// A beginning, then filler for so many bytes.
    Huge {
        head: Option<Bytes>,
        filler: Bytes,
        left: u64,
    },
}

impl Payload {
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    /// The first part of a body whose length was announced in full.
    pub fn cut(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let half = bytes.len() / 2;
        Self::Cut { part: Some(bytes.slice(0..half)), whole: num::len(bytes.len()), flushed: false }
    }

    pub fn huge(bytes: u64) -> Self {
        let filler = Bytes::from(r#"{"id":"qemu/100","type":"qemu","name":"filler"},"#.repeat(1_365));
        Self::Huge { head: Some(Bytes::from_static(br#"{"data":["#)), filler, left: bytes }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = |b: Bytes| Some(Ok(Frame::data(b)));
        Poll::Ready(match &mut *self {
            Self::Whole(bytes) => bytes.take().and_then(frame),
            Self::Cut { part, flushed, .. } => match (part.take(), *flushed) {
                (Some(part), _) => frame(part),
                (None, false) => {
                    // Lets what was given out reach the socket before it breaks.
                    *flushed = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                (None, true) => Some(Err(io::Error::from(io::ErrorKind::BrokenPipe))),
            },
            Self::Huge { head, filler, left } => match (head.take(), *left) {
                (Some(head), _) => frame(head),
                (None, 0) => None,
                (None, _) => {
                    *left = left.saturating_sub(num::len(filler.len()));
                    frame(filler.clone())
                }
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| num::len(b.len()))),
            Self::Cut { whole, .. } => SizeHint::with_exact(*whole),
            Self::Huge { .. } => SizeHint::default(),
        }
    }
}
