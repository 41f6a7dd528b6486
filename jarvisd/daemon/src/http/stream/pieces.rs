//! The bytes of a stream, cut into pieces that fit the connection's own buffer.
//!
//! That buffer grows to the largest piece it was ever given and stays so for as long as the connection lives:
//! a thousand sockets would each keep a buffer of the size of their first snapshot.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

/// A connection takes more pieces until this much is written, then flushes.
pub const FLUSH_BYTES: usize = 1024;
/// With what may be written before it, a piece stays within the 8 KiB that every connection has. Usual changes of a
/// cluster are 4 to 5 kB: whole in one piece they cost one write, and wake their reader once.
const PIECE_BYTES: usize = 7 * 1024;

pub struct Pieces {
    body: BoxBody,
    rest: Bytes,
}

impl Pieces {
    pub fn new(body: impl MessageBody + 'static) -> Self {
        Self { body: body.boxed(), rest: Bytes::new() }
    }
}

impl MessageBody for Pieces {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            match this.body.as_pin_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(more))) => this.rest = more,
                end => return end,
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use actix_web::body::BodyStream;
    use futures_util::stream;

    use super::*;

    #[actix_web::test]
    async fn every_byte_comes_in_order_and_no_piece_is_too_large() {
        let chunks: Vec<Bytes> = [1, PIECE_BYTES, 3 * PIECE_BYTES + 5, 7]
            .into_iter()
            .enumerate()
            .map(|(n, len)| Bytes::from(vec![u8::try_from(n).unwrap(); len]))
            .collect();
        let whole = chunks.concat();
        let body = BodyStream::new(stream::iter(chunks.into_iter().map(Ok::<_, actix_web::Error>)));
        let mut pieces = Pieces::new(body);
        assert_eq!(pieces.size(), BodySize::Stream);
        let mut got = Vec::new();
        while let Some(piece) = poll_fn(|cx| Pin::new(&mut pieces).poll_next(cx)).await {
            let piece = piece.unwrap();
            assert!((1..=PIECE_BYTES).contains(&piece.len()), "{}", piece.len());
            got.extend_from_slice(&piece);
        }
        assert_eq!(got, whole);
    }
}
