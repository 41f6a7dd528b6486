//! Lines of an input that is not trusted to have ends: one that is too long is passed over and told as such.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Whole(Vec<u8>),
    /// Its bytes are gone; memory was never asked for them.
    TooLong,
    End,
}

/// Reads lines of at most so many bytes. Dropping the future of [`Lines::next`] loses nothing.
pub struct Lines<R> {
    input: R,
    bytes_max: usize,
    kept: Vec<u8>,
    too_long: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub fn new(input: R, bytes_max: usize) -> Self {
        Self { input, bytes_max, kept: Vec::new(), too_long: false }
    }

    pub async fn next(&mut self) -> io::Result<Line> {
        loop {
            let chunk = self.input.fill_buf().await?;
            let ends = chunk.iter().position(|byte| *byte == b'\n');
            let part = ends.and_then(|at| chunk.get(..at)).unwrap_or(chunk);
            if self.kept.len().saturating_add(part.len()) > self.bytes_max {
                self.too_long = true;
                self.kept = Vec::new();
            } else if !self.too_long {
                self.kept.extend_from_slice(part);
            }
            let (read, over) = (chunk.len(), chunk.is_empty());
            self.input.consume(ends.map_or(read, |at| at.saturating_add(1)));
            if ends.is_none() && !over {
                continue;
            }
            let line = std::mem::take(&mut self.kept);
            return Ok(match (std::mem::take(&mut self.too_long), over && line.is_empty()) {
                (true, _) => Line::TooLong,
                (false, true) => Line::End,
                (false, false) => Line::Whole(line),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    #[tokio::test]
    async fn long_lines_are_passed_over_and_the_next_one_is_whole() {
        let input = [b"one\n".to_vec(), vec![b'x'; 10_000_000], b"\n\ntwo\nlast".to_vec()].concat();
        // A buffer smaller than a line, so that lines come in parts.
        let mut lines = Lines::new(BufReader::with_capacity(7, input.as_slice()), 10);
        for expected in [
            Line::Whole(b"one".to_vec()),
            Line::TooLong,
            Line::Whole(Vec::new()),
            Line::Whole(b"two".to_vec()),
            Line::Whole(b"last".to_vec()),
            Line::End,
            Line::End,
        ] {
            assert_eq!(lines.next().await.unwrap(), expected);
            assert!(lines.kept.capacity() < 100);
        }
    }
}
