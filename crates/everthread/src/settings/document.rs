//! `docs/CONFIGURATION.md`, made from the types of the settings; a test keeps it in step.

use std::path::Path;

use serde_json::Value;

use super::schema::{Kind, Setting, tables};

const HEAD: &str = "\
# Configuration

Every setting comes from the command line where it has a flag, else from the environment, else from `everthread.toml` in
the current folder (or the file that `--config` or `EVERTHREAD_CONFIG` names), else it has its default. A file with a
setting that is not known is refused.

This page is made from the types of the settings. To renew it: `EVERTHREAD_RENEW=1 cargo test -p everthread document`.
";

fn document() -> String {
    let mut text = HEAD.to_owned();
    for table in tables() {
        let title = match table.name.as_str() {
            "" => "## At the top of the file".to_owned(),
            name => format!("## `[{name}]`"),
        };
        text += &format!("\n{title}\n\n{}\n\n", table.about);
        text += "| setting | environment | default | what it is |\n|---|---|---|---|\n";
        for setting in &table.settings {
            text += &row(setting);
        }
    }
    text
}

fn row(setting: &Setting) -> String {
    let default = match (&setting.default, setting.kind) {
        (Value::Null, _) => "none".to_owned(),
        (Value::String(text), _) => format!("`\"{text}\"`"),
        (value, Kind::Number) => format!("`{:?}`", value.as_f64().unwrap_or_default()),
        (value, _) => format!("`{value}`"),
    };
    format!(
        "| `{}` | `{}` | {default} | {} |\n",
        setting.name,
        setting.variable(),
        setting.about
    )
}

#[test]
fn the_document_tells_the_settings_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIGURATION.md");
    let made = document();
    if std::env::var_os("EVERTHREAD_RENEW").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        made == kept,
        "docs/CONFIGURATION.md differs from the settings; renew it with \
         EVERTHREAD_RENEW=1 cargo test -p everthread document"
    );
}

#[test]
fn every_setting_says_what_it_is() {
    for table in tables() {
        assert!(!table.about.is_empty(), "[{}]", table.name);
        for setting in &table.settings {
            assert!(setting.about.ends_with('.'), "{setting:?}");
        }
    }
}
