//! Docker's multiplexed stream: frames of `[stream, 0, 0, 0, length]` and so many bytes.
//!
//! A container with a terminal writes plain bytes instead; what does not look like frames is taken for those.

/// The text of both streams, in the order in which it was written.
pub fn demultiplex(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let [stream, 0, 0, 0, a, b, c, d] = *header else { return plain(bytes, &out, rest) };
        if stream > 2 {
            return plain(bytes, &out, rest);
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        // The last frame may be cut, because no more than a cap was read.
        let (frame, next) = after.split_at(length.min(after.len()));
        out.extend_from_slice(frame);
        rest = next;
    }
    // Fewer bytes than a header: the end of a cut stream, or plain text that is very short.
    if out.is_empty() { plain(bytes, &out, rest) } else { String::from_utf8_lossy(&out).into_owned() }
}

/// No frames from the beginning: plain bytes. Later on: what was read until then.
fn plain(all: &[u8], read: &[u8], _rest: &[u8]) -> String {
    String::from_utf8_lossy(if read.is_empty() { all } else { read }).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(stream: u8, text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![stream, 0, 0, 0];
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text);
        bytes
    }

    #[test]
    fn both_streams_are_read_in_order_and_a_cut_frame_as_far_as_it_goes() {
        let mut bytes = frame(1, b"out 1\n");
        bytes.extend(frame(2, b"err \xc3\xa4\n"));
        bytes.extend(frame(1, b"out 2\n"));
        assert_eq!(demultiplex(&bytes), "out 1\nerr ä\nout 2\n");
        assert_eq!(demultiplex(&bytes[..bytes.len() - 3]), "out 1\nerr ä\nout");
        assert_eq!(demultiplex(b"plain text of a terminal\n"), "plain text of a terminal\n");
        assert_eq!(demultiplex(b"hi"), "hi");
        assert_eq!(demultiplex(b""), "");
    }

    proptest! {
        #[test]
        fn any_split_into_frames_gives_the_same_text(parts in prop::collection::vec((1u8..3, "[a-z ]{0,20}\n"), 1..20)) {
            let bytes: Vec<u8> = parts.iter().flat_map(|(stream, text)| frame(*stream, text.as_bytes())).collect();
            let whole: String = parts.iter().map(|(_, text)| text.as_str()).collect();
            prop_assert_eq!(demultiplex(&bytes), whole);
        }

        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(demultiplex(&bytes).chars().count() <= bytes.len());
        }
    }
}
