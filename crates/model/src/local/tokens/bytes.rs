//! The alphabet in which byte-level vocabularies spell bytes (from GPT-2): printable bytes stand for themselves,
//! the others for the characters from U+0100 on, in order.

/// The bytes that a token's spelling stands for; a character outside the alphabet stands for itself.
pub(super) fn of_token(spelling: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(spelling.len());
    for character in spelling.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes.into()
}

fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    if let Ok(byte) = u8::try_from(code) {
        return is_printable(byte).then_some(byte);
    }
    (0..=255_u8)
        .filter(|&byte| !is_printable(byte))
        .nth((code - 256) as usize)
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_spelling() {
        assert_eq!(*of_token("Ġa"), *b" a");
        assert_eq!(*of_token("Ċ"), *b"\n");
        assert_eq!(*of_token("Ãī"), *"É".as_bytes());
        let spelled: Vec<u8> = (0..0x200_u32)
            .filter_map(char::from_u32)
            .filter_map(byte_of)
            .collect();
        let mut sorted = spelled.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..=255).collect::<Vec<u8>>());
    }
}
