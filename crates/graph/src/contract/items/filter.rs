//! What the values of items must be like.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::contract::{Json, StoreError, StoreErrorKind};

/// Levels of a filter, at most.
const MAX_DEPTH: usize = 32;

/// Conditions on the fields of a value: all must hold.
///
/// A field is compared with a value (`{"color": "red"}`), with operators (`{"age": {"$gte": 18, "$lt": 65}}`: `$eq`,
/// `$ne`, `$gt`, `$gte`, `$lt`, `$lte`), or, where the filter gives an object, field by field with that. Numbers are
/// ordered by size and texts by their characters; nothing else is ordered, and no text is a number. A field that is
/// missing satisfies `$ne` and nothing else.
///
/// ```
/// use everthread_graph::contract::{ItemFilter, Json};
///
/// let filter = ItemFilter::parse(&Json::parse(r#"{"color": "red", "age": {"$gte": 18}}"#)?)?;
/// assert!(filter.matches(&Json::parse(r#"{"color": "red", "age": 18.5}"#)?));
/// assert!(!filter.matches(&Json::parse(r#"{"color": "red"}"#)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ItemFilter(Vec<(String, Condition)>);

/// What one field must be like.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Is(Value),
    Compares(Vec<(Operator, Value)>),
    Has(ItemFilter),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
}

impl ItemFilter {
    /// Reads a filter.
    ///
    /// # Errors
    /// `Invalid` when it is no object, names an operator that is none, mixes operators with fields, or is nested
    /// more than 32 levels deep.
    pub fn parse(json: &Json) -> Result<Self, StoreError> {
        match json.read() {
            Ok(Value::Object(fields)) => Self::of(fields, MAX_DEPTH),
            _ => Err(invalid(
                "a filter is an object of fields and what they must be",
            )),
        }
    }

    /// Whether a value satisfies all conditions. Only an object does, unless there is no condition.
    #[must_use]
    pub fn matches(&self, value: &Json) -> bool {
        self.0.is_empty() || value.read().is_ok_and(|value| self.holds(&value))
    }

    fn of(fields: Map<String, Value>, depth: usize) -> Result<Self, StoreError> {
        let conditions = fields.into_iter().map(|(name, value)| {
            let condition = Condition::of(value, depth)?;
            Ok((name, condition))
        });
        conditions.collect::<Result<_, _>>().map(Self)
    }

    fn holds(&self, value: &Value) -> bool {
        let fields = value.as_object();
        self.0
            .iter()
            .all(|(name, condition)| condition.holds(fields.and_then(|fields| fields.get(name))))
    }
}

impl Condition {
    fn of(value: Value, depth: usize) -> Result<Self, StoreError> {
        let fields = match value {
            Value::Object(fields) if !fields.is_empty() => fields,
            value => return Ok(Self::Is(value)),
        };
        if depth == 0 {
            return Err(invalid("the filter is nested too deeply"));
        }
        if !fields.keys().any(|name| name.starts_with('$')) {
            return ItemFilter::of(fields, depth - 1).map(Self::Has);
        }
        let compared = fields.into_iter().map(|(name, value)| {
            let operator = Operator::from_name(&name).ok_or_else(|| {
                invalid(format!(
                    "{name:?} is no operator of a filter: there are $eq, $ne, $gt, $gte, $lt and $lte"
                ))
            })?;
            Ok((operator, value))
        });
        compared.collect::<Result<_, _>>().map(Self::Compares)
    }

    fn holds(&self, found: Option<&Value>) -> bool {
        match self {
            Self::Is(wanted) => found.is_some_and(|found| equal(found, wanted)),
            Self::Compares(all) => all
                .iter()
                .all(|(operator, with)| operator.holds(found, with)),
            Self::Has(filter) => {
                found.is_some_and(|found| found.is_object() && filter.holds(found))
            }
        }
    }
}

impl Operator {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "$eq" => Self::Eq,
            "$ne" => Self::Ne,
            "$gt" => Self::Gt,
            "$gte" => Self::Gte,
            "$lt" => Self::Lt,
            "$lte" => Self::Lte,
            _ => return None,
        })
    }

    fn holds(self, found: Option<&Value>, with: &Value) -> bool {
        let Some(found) = found else {
            return self == Self::Ne;
        };
        match self {
            Self::Eq => equal(found, with),
            Self::Ne => !equal(found, with),
            Self::Gt => order(found, with).is_some_and(Ordering::is_gt),
            Self::Gte => order(found, with).is_some_and(Ordering::is_ge),
            Self::Lt => order(found, with).is_some_and(Ordering::is_lt),
            Self::Lte => order(found, with).is_some_and(Ordering::is_le),
        }
    }
}

/// Whether two values say the same: 1 and 1.0 do, and the order of fields says nothing.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => order(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        _ => None,
    }
}

fn invalid(context: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Result<ItemFilter, StoreError> {
        ItemFilter::parse(&Json::parse(text).unwrap())
    }

    fn matches(text: &str, value: &str) -> bool {
        filter(text).unwrap().matches(&Json::parse(value).unwrap())
    }

    #[test]
    fn every_operator_compares_numbers_by_size_and_texts_by_characters() {
        for (operator, less, same, more) in [
            ("$eq", false, true, false),
            ("$ne", true, false, true),
            ("$gt", false, false, true),
            ("$gte", false, true, true),
            ("$lt", true, false, false),
            ("$lte", true, true, false),
        ] {
            let numbers = format!(r#"{{"n": {{"{operator}": 10}}}}"#);
            let texts = format!(r#"{{"n": {{"{operator}": "m"}}}}"#);
            for (number, text, expected) in
                [("9.5", "a", less), ("10.0", "m", same), ("11", "z", more)]
            {
                assert_eq!(
                    matches(&numbers, &format!(r#"{{"n": {number}}}"#)),
                    expected,
                    "{operator} {number}"
                );
                assert_eq!(
                    matches(&texts, &format!(r#"{{"n": "{text}"}}"#)),
                    expected,
                    "{operator} {text}"
                );
            }
        }
    }

    #[test]
    fn a_missing_field_satisfies_only_not_equal() {
        for operator in ["$eq", "$gt", "$gte", "$lt", "$lte"] {
            for value in ["null", "0", "\"\""] {
                assert!(!matches(
                    &format!(r#"{{"x": {{"{operator}": {value}}}}}"#),
                    "{}"
                ));
            }
        }
        assert!(matches(r#"{"x": {"$ne": 1}}"#, "{}"));
        assert!(!matches(r#"{"x": null}"#, "{}"));
        assert!(matches(r#"{"x": null}"#, r#"{"x": null}"#));
    }

    #[test]
    fn values_of_different_kinds_have_no_order() {
        assert!(!matches(r#"{"x": {"$gt": 1}}"#, r#"{"x": "2"}"#));
        assert!(!matches(r#"{"x": {"$lt": 1}}"#, r#"{"x": null}"#));
        assert!(!matches(r#"{"x": {"$gte": true}}"#, r#"{"x": true}"#));
        assert!(matches(r#"{"x": {"$ne": 1}}"#, r#"{"x": "1"}"#));
    }

    #[test]
    fn all_conditions_must_hold_and_objects_are_compared_by_field() {
        let text = r#"{"a": 1, "b": {"c": [1, {"d": 2}], "e": {"$lt": 3, "$gt": 1}}}"#;
        assert!(matches(
            text,
            r#"{"a": 1, "z": 0, "b": {"y": 0, "c": [1.0, {"d": 2}], "e": 2}}"#
        ));
        assert!(!matches(
            text,
            r#"{"a": 1, "b": {"c": [1, {"d": 2}], "e": 3}}"#
        ));
        assert!(!matches(
            text,
            r#"{"a": 1, "b": {"c": [1, {"d": 2, "x": 1}], "e": 2}}"#
        ));
        assert!(!matches(text, r#"{"a": 1, "b": 2}"#));
        assert!(!matches(r#"{"a": {"b": {"$ne": 1}}}"#, r#"{"a": 1}"#));
    }

    #[test]
    fn an_empty_filter_holds_for_anything() {
        assert!(matches("{}", "[1]"));
        assert!(!matches(r#"{"a": 1}"#, "[1]"));
        assert!(matches(r#"{"a": {}}"#, r#"{"a": {}}"#));
    }

    #[test]
    fn large_whole_numbers_are_told_apart() {
        assert!(!matches(
            r#"{"n": 9007199254740993}"#,
            r#"{"n": 9007199254740992}"#
        ));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(60), "}".repeat(60));
        for text in [
            "[]",
            "1",
            r#"{"a": {"$in": [1]}}"#,
            r#"{"a": {"$eq": 1, "b": 2}}"#,
            &deep,
        ] {
            let error = filter(text).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid, "{text}");
        }
    }
}
