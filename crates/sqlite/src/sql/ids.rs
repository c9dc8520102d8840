//! Ids as columns.

use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, RunId, StoreErrorKind, TaskId};
use everthread_store::canonical_uuid;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use uuid::Uuid;

use crate::error::{Fault, Sql, fault};

/// The 16 bytes of a checkpoint's id.
pub(crate) fn checkpoint_bytes(id: CheckpointId) -> [u8; 16] {
    id.uuid().into_bytes()
}

/// The checkpoint of these bytes.
pub(crate) fn checkpoint_id(bytes: [u8; 16]) -> CheckpointId {
    CheckpointId::from_uuid(Uuid::from_bytes(bytes))
}

/// The run of these bytes.
pub(crate) fn run_id(bytes: [u8; 16]) -> RunId {
    RunId::from_uuid(Uuid::from_bytes(bytes))
}

/// The task of these bytes.
pub(crate) fn task_id(bytes: [u8; 16]) -> TaskId {
    TaskId::from_uuid(Uuid::from_bytes(bytes))
}

/// An element's id at rest: 16 bytes for a UUID in its usual lower-case form, else the text itself.
pub(crate) fn element_column(id: Option<&str>) -> ToSqlOutput<'_> {
    match id {
        None => ToSqlOutput::Owned(Value::Null),
        Some(text) => match canonical_uuid(text) {
            Some(uuid) => ToSqlOutput::Owned(Value::Blob(uuid.into_bytes().to_vec())),
            None => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        },
    }
}

/// The id that a column holds.
pub(crate) fn element_id(column: ValueRef<'_>) -> Sql<Option<Arc<str>>> {
    match column {
        ValueRef::Null => Ok(None),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Some(text.into())),
            Err(_) => Err(damaged()),
        },
        ValueRef::Blob(bytes) => match Uuid::from_slice(bytes) {
            Ok(uuid) => {
                let mut buffer = Uuid::encode_buffer();
                let text: &str = uuid.hyphenated().encode_lower(&mut buffer);
                Ok(Some(text.into()))
            }
            Err(_) => Err(damaged()),
        },
        _ => Err(damaged()),
    }
}

fn damaged() -> Fault {
    fault(
        StoreErrorKind::Corrupt,
        "a message has an id that is none: run `storage check`, then restore a verified backup",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(id: &str) -> bool {
        match element_column(Some(id)) {
            ToSqlOutput::Owned(Value::Blob(bytes)) => {
                assert_eq!(
                    element_id(ValueRef::Blob(&bytes)).unwrap().as_deref(),
                    Some(id)
                );
                true
            }
            ToSqlOutput::Borrowed(column) => {
                assert_eq!(element_id(column).unwrap().as_deref(), Some(id));
                false
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_uuid_in_its_usual_form_becomes_bytes() {
        assert!(round_trip("01932c07-209c-7a3b-8a3d-0123456789ab"));
        assert!(!round_trip("01932C07-209C-7A3B-8A3D-0123456789AB"));
        assert!(!round_trip("01932c07209c7a3b8a3d0123456789ab"));
        assert!(!round_trip("msg-1\0"));
        assert!(!round_trip(""));
    }
}
