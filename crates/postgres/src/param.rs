//! Values as parameters, with the type that they have at rest, and columns as values.
//!
//! Types are always given, so that a statement means the same whether it was prepared before or not. PostgreSQL's text
//! holds every character but one, NUL; [`Text`] writes that one as two others, and reads it back.

use std::borrow::Cow;
use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Json, RunId, TaskId};
use everthread_store::canonical_uuid;
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSqlOwned, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::error::{Sql, damaged};

/// A value that can be handed to a statement.
pub(crate) trait Param: ToSql + Send + Sync {
    /// Its type at rest.
    fn at_rest(&self) -> Type;

    /// The driver's view of it.
    fn as_sql(&self) -> &(dyn ToSql + Sync);
}

/// Parameters of a statement, in order.
pub(crate) type Params<'a> = &'a [&'a dyn Param];

macro_rules! param {
    ($($type:ty => $at_rest:ident),* $(,)?) => {$(
        impl Param for $type {
            fn at_rest(&self) -> Type {
                Type::$at_rest
            }

            fn as_sql(&self) -> &(dyn ToSql + Sync) {
                self
            }
        }
    )*};
}

param! {
    bool => BOOL,
    i64 => INT8,
    Uuid => UUID,
    Option<bool> => BOOL,
    Option<i64> => INT8,
    Option<Uuid> => UUID,
    Vec<i64> => INT8_ARRAY,
    Vec<Uuid> => UUID_ARRAY,
    Text<'_> => TEXT,
    Option<Text<'_>> => TEXT,
    Vec<Text<'_>> => TEXT_ARRAY,
}

/// Text that may hold anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// Begins what stands for a character that cannot be written. It is the lowest that can be, so that texts are in the
/// same order at rest.
const ESCAPE: char = '\u{1}';

/// What follows it for a NUL, and for itself.
const NUL: char = '\u{1}';
const ITSELF: char = '\u{2}';

impl<'a> Text<'a> {
    /// This text.
    pub(crate) fn of(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// The same, to be kept.
    pub(crate) fn owned(text: impl Into<String>) -> Text<'static> {
        Text(Cow::Owned(text.into()))
    }

    /// JSON text, to be kept.
    pub(crate) fn json(json: &Json) -> Text<'static> {
        Self::owned(json.as_str())
    }
}

impl ToSql for Text<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(written(&self.0).as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(at_rest: &Type) -> bool {
        <&str as ToSql>::accepts(at_rest)
    }

    to_sql_checked!();
}

/// Text as it lies at rest.
pub(crate) fn written(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte <= 1) {
        return Cow::Borrowed(text);
    }
    let mut at_rest = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        match c {
            '\0' => at_rest.extend([ESCAPE, NUL]),
            ESCAPE => at_rest.extend([ESCAPE, ITSELF]),
            c => at_rest.push(c),
        }
    }
    Cow::Owned(at_rest)
}

/// The text that lies at rest so.
fn read(at_rest: &str) -> Cow<'_, str> {
    if !at_rest.bytes().any(|byte| byte == 1) {
        return Cow::Borrowed(at_rest);
    }
    let mut text = String::with_capacity(at_rest.len());
    let mut chars = at_rest.chars();
    while let Some(c) = chars.next() {
        match c {
            ESCAPE if chars.next() == Some(NUL) => text.push('\0'),
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// Columns of a row, by their place in the list of what was selected.
pub(crate) trait Columns {
    /// A value of a plain type.
    fn at<T: FromSqlOwned>(&self, column: usize) -> Sql<T>;
    /// Text.
    fn text(&self, column: usize) -> Sql<String>;
    /// Text, where there may be none.
    fn text_or_none(&self, column: usize) -> Sql<Option<String>>;
    /// A count or a number that is never negative.
    fn count(&self, column: usize) -> Sql<u64>;
    /// JSON text.
    fn json(&self, column: usize) -> Sql<Json>;
    /// JSON text, where there may be none.
    fn json_or_none(&self, column: usize) -> Sql<Option<Json>>;
    /// The id of a checkpoint.
    fn checkpoint(&self, column: usize) -> Sql<CheckpointId>;
    /// The id of a checkpoint, where there may be none.
    fn checkpoint_or_none(&self, column: usize) -> Sql<Option<CheckpointId>>;
    /// The id of a run.
    fn run(&self, column: usize) -> Sql<RunId>;
    /// The id of a task.
    fn task(&self, column: usize) -> Sql<TaskId>;
    /// The id of an element, in two columns: a UUID, or any text.
    fn element_id(&self, uuid: usize, text: usize) -> Sql<Option<Arc<str>>>;
}

impl Columns for Row {
    fn at<T: FromSqlOwned>(&self, column: usize) -> Sql<T> {
        Ok(self.try_get(column)?)
    }

    fn text(&self, column: usize) -> Sql<String> {
        Ok(read(self.try_get(column)?).into_owned())
    }

    fn text_or_none(&self, column: usize) -> Sql<Option<String>> {
        let text: Option<&str> = self.try_get(column)?;
        Ok(text.map(|text| read(text).into_owned()))
    }

    fn count(&self, column: usize) -> Sql<u64> {
        let count: i64 = self.try_get(column)?;
        u64::try_from(count).map_err(|_| damaged("a count is negative"))
    }

    fn json(&self, column: usize) -> Sql<Json> {
        Ok(Json::trusted(&read(self.try_get(column)?)))
    }

    fn json_or_none(&self, column: usize) -> Sql<Option<Json>> {
        let text: Option<&str> = self.try_get(column)?;
        Ok(text.map(|text| Json::trusted(&read(text))))
    }

    fn checkpoint(&self, column: usize) -> Sql<CheckpointId> {
        Ok(CheckpointId::from_uuid(self.try_get(column)?))
    }

    fn checkpoint_or_none(&self, column: usize) -> Sql<Option<CheckpointId>> {
        let uuid: Option<Uuid> = self.try_get(column)?;
        Ok(uuid.map(CheckpointId::from_uuid))
    }

    fn run(&self, column: usize) -> Sql<RunId> {
        Ok(RunId::from_uuid(self.try_get(column)?))
    }

    fn task(&self, column: usize) -> Sql<TaskId> {
        Ok(TaskId::from_uuid(self.try_get(column)?))
    }

    fn element_id(&self, uuid: usize, text: usize) -> Sql<Option<Arc<str>>> {
        if let Some(uuid) = self.at::<Option<Uuid>>(uuid)? {
            let mut buffer = Uuid::encode_buffer();
            let text: &str = uuid.hyphenated().encode_lower(&mut buffer);
            return Ok(Some(text.into()));
        }
        Ok(self.text_or_none(text)?.map(Arc::from))
    }
}

/// The two columns of an element's id: a UUID in its usual form takes 16 bytes, any other id is text.
pub(crate) fn element_columns(id: Option<&str>) -> (Option<Uuid>, Option<Text<'static>>) {
    match id.map(|id| (canonical_uuid(id), id)) {
        None => (None, None),
        Some((Some(uuid), _)) => (Some(uuid), None),
        Some((None, id)) => (None, Some(Text::owned(id))),
    }
}

/// A number that was counted here, as a column.
pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A limit or an offset, as a parameter.
pub(crate) fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In their order.
    const TEXTS: &[&str] = &[
        "",
        "\0",
        "\0\0",
        "\0\u{1}",
        "\0a",
        "\u{1}",
        "\u{1}\0",
        "\u{1}\u{2}",
        "\u{2}",
        "a",
        "a\0",
        "a\0b\0",
        "a\u{1}",
        "a\u{2}",
        "ab",
        "\u{10FFFF}",
    ];

    #[test]
    fn any_text_comes_back_and_lies_at_rest_without_a_nul() {
        for text in TEXTS {
            let at_rest = written(text);
            assert!(!at_rest.contains('\0'), "{text:?}");
            assert_eq!(read(&at_rest), *text, "{text:?}");
        }
    }

    #[test]
    fn texts_lie_in_their_order() {
        assert!(TEXTS.is_sorted_by(|a, b| a < b));
        assert!(TEXTS.is_sorted_by(|a, b| written(a) < written(b)));
        assert!(matches!(written("plain\n\u{10FFFF}"), Cow::Borrowed(_)));
    }
}
