//! `everthread doctor`: checks this installation and says what to do.

use std::path::Path;

use everthread_model::weights::{self, Standing};
use everthread_store::Store;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::output::{Output, bytes};
use crate::settings::Settings;
use crate::wiring;

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// As it should be.
    Good,
    /// Something can be done better, nothing is in the way.
    Hint,
    /// Something is in the way.
    Bad,
}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    health: Health,
    found: String,
}

/// Runs the command; fails when something is in the way.
pub(crate) async fn run(settings: &Settings, output: Output) -> Result<(), Failure> {
    let mut findings = vec![version(), storage(settings).await];
    findings.push(model(settings));
    findings.push(local_weights(&settings.models_dir()));
    findings.push(key());
    let document = json!({ "findings": findings.iter().map(Finding::json).collect::<Vec<_>>() });
    output.print(document, || findings.iter().map(Finding::line).collect())?;
    if findings.iter().any(|finding| finding.health == Health::Bad) {
        return Err(Failure::new(Exit::Failed, "something is in the way, see above").reported());
    }
    Ok(())
}

impl Finding {
    fn new(what: &'static str, health: Health, found: impl Into<String>) -> Self {
        Self {
            what,
            health,
            found: found.into(),
        }
    }

    fn json(&self) -> serde_json::Value {
        let health = match self.health {
            Health::Good => "good",
            Health::Hint => "hint",
            Health::Bad => "bad",
        };
        json!({ "what": self.what, "health": health, "found": self.found })
    }

    fn line(&self) -> String {
        let mark = match self.health {
            Health::Good => "✓",
            Health::Hint => "·",
            Health::Bad => "✗",
        };
        format!("{mark} {}: {}\n", self.what, self.found)
    }
}

fn version() -> Finding {
    Finding::new(
        "version",
        Health::Good,
        concat!("everthread ", env!("CARGO_PKG_VERSION")),
    )
}

async fn storage(settings: &Settings) -> Finding {
    let opened = match wiring::open_to_read(settings).await {
        Ok(store) => store,
        Err(failure) => return Finding::new("storage", Health::Bad, failure.to_string()),
    };
    let finding = match opened.stats().await {
        Ok(stats) => Finding::new(
            "storage",
            Health::Good,
            format!(
                "{} on {}, {} in {} threads, {} messages",
                stats.storage,
                stats.engine,
                bytes(stats.file_bytes),
                stats.threads,
                stats.messages
            ),
        ),
        Err(error) => Finding::new("storage", Health::Bad, Failure::from(error).to_string()),
    };
    close(&*opened).await;
    finding
}

async fn close(store: &dyn Store) {
    // Nothing was written; that closing failed is no finding of its own.
    let _ = store.close().await;
}

fn model(settings: &Settings) -> Finding {
    let spec = settings.model(None);
    match wiring::open_model(&spec, &wiring::model_config(settings)) {
        Ok(model) => match lacks(&spec, settings) {
            Some(lack) => Finding::new("model", Health::Hint, format!("{}: {lack}", model.name())),
            None => Finding::new("model", Health::Good, model.name()),
        },
        Err(failure) => Finding::new("model", Health::Bad, failure.to_string()),
    }
}

/// What the chosen model needs before it can answer.
fn lacks(spec: &str, settings: &Settings) -> Option<String> {
    let first = spec.split(',').next().unwrap_or(spec).trim();
    let (kind, name) = first.split_once(':').unwrap_or((first, ""));
    match kind {
        "local" => {
            let wanted = if name.is_empty() {
                weights::catalog().first()
            } else {
                weights::find(name)
            };
            let missing = wanted.filter(|weights| !weights.is_installed(&settings.models_dir()))?;
            Some(format!(
                "not here yet; run `everthread models pull {}`",
                missing.name
            ))
        }
        "openai" if std::env::var_os("OPENAI_API_KEY").is_none() => {
            Some("no key; set OPENAI_API_KEY".to_owned())
        }
        _ => None,
    }
}

fn local_weights(dir: &Path) -> Finding {
    let mut health = Health::Good;
    let mut here = Vec::new();
    for model in weights::list(dir) {
        let name = model.weights.name;
        here.push(match model.standing {
            Standing::Missing => continue,
            Standing::Verified => format!("{name} (hash verified)"),
            Standing::Unchecked => {
                format!("{name} (hash not verified since the file changed: it is when the model is loaded)")
            }
            Standing::Damaged => {
                health = Health::Bad;
                format!("{name} (damaged: run `everthread models pull {name}`)")
            }
        });
    }
    if here.is_empty() {
        let what = format!("none in {}; run `everthread models pull`", dir.display());
        return Finding::new("local models", Health::Hint, what);
    }
    Finding::new("local models", health, here.join(", "))
}

fn key() -> Finding {
    match std::env::var("OPENAI_API_KEY") {
        Ok(key) if !key.trim().is_empty() => Finding::new("OPENAI_API_KEY", Health::Good, "set"),
        _ => Finding::new(
            "OPENAI_API_KEY",
            Health::Hint,
            "not set; models of openai: need it",
        ),
    }
}
