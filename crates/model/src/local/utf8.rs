//! Puts characters together from bytes that come a few at a time.

/// Collects bytes and gives out whole characters.
#[derive(Default)]
pub(super) struct Utf8Stream {
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// Takes more bytes; gives the text that is whole now, possibly none. Bytes that cannot become a character
    /// are replaced by U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.pending.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.pending.drain(..valid + bad);
                }
            }
        }
    }

    /// The end: a character that never became whole is replaced.
    pub(super) fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_never_broken() {
        let text = "aé日👩‍👩‍👧";
        let mut stream = Utf8Stream::default();
        let mut out = String::new();
        for byte in text.bytes() {
            let piece = stream.push(&[byte]);
            assert!(!piece.contains(char::REPLACEMENT_CHARACTER));
            out.push_str(&piece);
        }
        assert_eq!(out + &stream.finish(), text);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        let mut stream = Utf8Stream::default();
        assert_eq!(stream.push(b"a\xffb\xe6\x97"), "a\u{fffd}b");
        assert_eq!(stream.finish(), "\u{fffd}");
    }
}
