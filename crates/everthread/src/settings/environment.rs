//! What the environment says: `EVERTHREAD_` and the path of the setting, as `EVERTHREAD_SERVER_LISTEN`.

use std::ffi::OsString;

use toml::{Table, Value};

use super::schema::{Kind, Setting, tables};
use crate::failure::{Exit, Failure};

const PREFIX: &str = "EVERTHREAD_";

/// A name that differs from a setting's in so few letters is meant for it.
const TYPING_ERRORS: usize = 2;

/// Names that a setting had before it had a path.
const OLD_NAMES: &[(&str, &str)] = &[("EVERTHREAD_MODELS_DIR", "EVERTHREAD_MODELS")];

/// Puts what the environment says over what the file says.
///
/// # Errors
/// When a variable holds no value of the setting's kind.
pub(super) fn lay_over(
    file: &mut Table,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    for setting in tables().into_iter().flat_map(|table| table.settings) {
        let name = setting.variable();
        let old = OLD_NAMES.iter().find(|(now, _)| *now == name);
        let said = variable(&name).or_else(|| variable(old?.1));
        if let Some(said) = said {
            put(file, &setting, read(&setting, &name, &said)?);
        }
    }
    Ok(())
}

/// What is to be said of variables that are meant for a setting and name none: their names begin as those of a table
/// do, or are nearly that of a setting. No error, because other programs set variables too.
pub(super) fn misspelt(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let tables = tables();
    let prefixes: Vec<String> = tables
        .iter()
        .filter(|table| !table.name.is_empty())
        .map(|table| format!("{PREFIX}{}_", table.name.to_uppercase()))
        .collect();
    let known: Vec<String> = tables
        .iter()
        .flat_map(|table| table.settings.iter().map(Setting::variable))
        .chain(OLD_NAMES.iter().map(|(_, old)| (*old).to_owned()))
        .collect();
    let said = |name: String| {
        if !name.starts_with(PREFIX) || known.contains(&name) {
            return None;
        }
        let near = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(&name, known), known));
        let (distance, nearest) = near.min()?;
        (distance <= TYPING_ERRORS || prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .then(|| format!("the variable {name} names no setting; {nearest} is one"))
    };
    names
        .filter_map(|name| name.into_string().ok())
        .filter_map(said)
        .collect()
}

fn put(file: &mut Table, setting: &Setting, value: Value) {
    if setting.table.is_empty() {
        file.insert(setting.name.clone(), value);
        return;
    }
    let table = file
        .entry(setting.table.clone())
        .or_insert_with(|| Value::Table(Table::new()));
    let table = table.as_table_mut().expect("the file was read before");
    table.insert(setting.name.clone(), value);
}

fn read(setting: &Setting, name: &str, said: &str) -> Result<Value, Failure> {
    let text = said.trim();
    let (value, wanted) = match setting.kind {
        Kind::Text => (Some(Value::String(said.to_owned())), "text"),
        Kind::Integer => (text.parse().ok().map(Value::Integer), "a whole number"),
        Kind::Number => (text.parse().ok().map(Value::Float), "a number"),
        Kind::Truth => (truth(text).map(Value::Boolean), "true or false"),
        Kind::Texts => (Some(Value::Array(texts(text))), "a list"),
    };
    value.ok_or_else(|| {
        let what = format!("the variable {name} must be {wanted}, not {said:?}");
        Failure::new(Exit::Invalid, what)
    })
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn texts(text: &str) -> Vec<Value> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| Value::String(part.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::file::File;
    use super::*;

    fn laid(file: &str, said: &[(&str, &str)]) -> Result<File, Failure> {
        let mut table: Table = file.parse().unwrap();
        let variable = |name: &str| {
            let found = said.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        lay_over(&mut table, &variable)?;
        Ok(table.try_into().unwrap())
    }

    #[test]
    fn a_variable_is_above_the_file() {
        let said = [
            ("EVERTHREAD_STORAGE", "sqlite:b.db"),
            ("EVERTHREAD_SERVER_LISTEN", "127.0.0.1:9"),
            ("EVERTHREAD_CHAT_TEMPERATURE", "1.5"),
            ("EVERTHREAD_LOG_MESSAGES", "yes"),
            ("EVERTHREAD_MODELS_OFFERED", "a, b"),
            ("EVERTHREAD_MODELS", "/weights"),
        ];
        let file = laid("storage = \"sqlite:a.db\"\nuser = \"anna\"", &said).unwrap();
        assert_eq!(file.storage.as_deref(), Some("sqlite:b.db"));
        assert_eq!(file.user.as_deref(), Some("anna"));
        assert_eq!(file.server.listen, "127.0.0.1:9");
        assert!((file.chat.policy().temperature - 1.5).abs() < f32::EPSILON);
        assert!(file.log.messages);
        assert_eq!(file.models.offered, ["a", "b"]);
        assert_eq!(file.models_dir.unwrap(), std::path::Path::new("/weights"));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        for (name, said) in [
            ("EVERTHREAD_LIMITS_USER_REQUESTS_PER_MINUTE", "many"),
            ("EVERTHREAD_CHAT_TEMPERATURE", "hot"),
            ("EVERTHREAD_LOG_MESSAGES", "perhaps"),
        ] {
            let failure = laid("", &[(name, said)]).unwrap_err().to_string();
            assert!(
                failure.contains(name) && failure.contains(said),
                "{failure}"
            );
        }
    }

    #[test]
    fn a_misspelt_variable_is_told_and_others_are_nobody_s_business() {
        for (wrong, meant) in [
            ("EVERTHREAD_CHAT_KEEPLAST", "EVERTHREAD_CHAT_KEEP_LAST"),
            ("EVERTHREAD_STROAGE", "EVERTHREAD_STORAGE"),
            ("EVERTHREAD_SERVER_LISTNE", "EVERTHREAD_SERVER_LISTEN"),
        ] {
            let said = misspelt([OsString::from(wrong)].into_iter());
            assert!(
                matches!(&said[..], [one] if one.contains(wrong) && one.contains(meant)),
                "{said:?}"
            );
        }
        let fine = ["EVERTHREAD_MODELS", "EVERTHREAD_LONG", "HOME"];
        assert!(misspelt(fine.into_iter().map(OsString::from)).is_empty());
    }

    #[test]
    fn every_setting_takes_its_own_default_from_the_environment() {
        for setting in tables().into_iter().flat_map(|table| table.settings) {
            let said = match &setting.default {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Array(_) => String::new(),
                other => other.to_string(),
            };
            laid("", &[(setting.variable().as_str(), said.as_str())]).unwrap();
        }
    }
}
