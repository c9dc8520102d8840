//! What stores read out of ids.

use everthread_graph::contract::CheckpointId;
use uuid::Uuid;

/// The time inside a UUIDv7, in milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn time_of(id: CheckpointId) -> i64 {
    let bytes = id.uuid().into_bytes();
    bytes[..6]
        .iter()
        .fold(0, |time, byte| (time << 8) | i64::from(*byte))
}

/// The UUID of an id that is one in its usual lower-case form, so that its 16 bytes give the same text back; `None`
/// for any other text.
#[must_use]
pub fn canonical_uuid(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    let uuid = Uuid::try_parse(text).ok()?;
    let mut buffer = Uuid::encode_buffer();
    let canonical: &str = uuid.hyphenated().encode_lower(&mut buffer);
    (canonical == text).then_some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_form_is_canonical() {
        assert!(canonical_uuid("01932c07-209c-7a3b-8a3d-0123456789ab").is_some());
        for other in [
            "01932C07-209C-7A3B-8A3D-0123456789AB",
            "01932c07209c7a3b8a3d0123456789ab",
            "msg-1",
        ] {
            assert_eq!(canonical_uuid(other), None, "{other}");
        }
    }

    #[test]
    fn the_time_of_an_id_is_in_its_first_bytes() {
        let uuid: Uuid = "01932c07-209c-7a3b-8a3d-0123456789ab".parse().unwrap();
        assert_eq!(time_of(CheckpointId::from_uuid(uuid)), 0x0193_2c07_209c);
    }
}
