//! What a model needs before the first turn: weights, or a key. A person is asked; a script is told what to run.

use std::io::{self, Write};

use everthread_model::ModelConfig;
use everthread_model::weights::{self, ModelKind};

use crate::commands::models;
use crate::failure::{Exit, Failure};
use crate::output::bytes;

/// Gets what the models of `spec` lack, asking first.
pub(crate) fn make_ready(
    spec: &str,
    config: &mut ModelConfig,
    interactive: bool,
) -> Result<(), Failure> {
    // Of a chain, only the first model must be ready; the others are for when it fails.
    let first = spec.split(',').next().unwrap_or(spec).trim();
    match first.split_once(':').unwrap_or((first, "")) {
        ("local", name) => weights_of(name, config, interactive),
        ("openai", _) => key(config, interactive),
        _ => Ok(()),
    }
}

fn weights_of(name: &str, config: &ModelConfig, interactive: bool) -> Result<(), Failure> {
    let wanted = if name.is_empty() {
        weights::catalog().first()
    } else {
        weights::find(name)
    };
    // A name that is not in the list is refused, with the list, when the model is opened.
    let Some(wanted) = wanted else { return Ok(()) };
    if wanted.kind != ModelKind::Chat {
        let what = format!(
            "{} compares texts and cannot answer; choose another with --model",
            wanted.title
        );
        return Err(Failure::new(Exit::Invalid, what));
    }
    let dir = &config.local.models_dir;
    if wanted.is_installed(dir) {
        return Ok(());
    }
    let size = bytes(wanted.size_bytes());
    if !interactive {
        return Err(Failure::new(
            Exit::Unavailable,
            format!(
                "the model {} is not here yet ({size}); run `everthread models pull {}`",
                wanted.title, wanted.name
            ),
        ));
    }
    eprintln!(
        "The model {} is not here yet. It is {size} ({}), kept in {}.",
        wanted.title,
        wanted.licence,
        dir.display()
    );
    if !yes("Get it now?")? {
        return Err(Failure::new(
            Exit::Unavailable,
            "without its weights the model cannot answer; choose another with --model",
        ));
    }
    models::pull_with_progress(wanted, &weights::PullSource::Auto, dir).map(|_| ())
}

fn key(config: &mut ModelConfig, interactive: bool) -> Result<(), Failure> {
    let openai = &mut config.openai;
    let is_official = openai.base_url.contains("api.openai.com");
    if openai.api_key.is_some() || !is_official {
        return Ok(());
    }
    if !interactive {
        return Err(Failure::new(
            Exit::Unavailable,
            "OPENAI_API_KEY is not set; set it, or choose another model with --model",
        ));
    }
    let key = rpassword::prompt_password("OPENAI_API_KEY (not shown): ")?;
    if key.trim().is_empty() {
        return Err(Failure::new(Exit::Invalid, "no key was given"));
    }
    openai.api_key = Some(key.trim().to_owned());
    Ok(())
}

fn yes(question: &str) -> Result<bool, Failure> {
    eprint!("{question} [Y/n] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "" | "y" | "Y" | "yes"))
}
