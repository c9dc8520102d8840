//! What models need before the first turn: weights, or a key. A person is asked; a script is told what to run.

use std::io::{self, Write};
use std::path::Path;

use everthread_model::weights::{self, ModelKind, Weights};
use everthread_model::{ModelChoice, ModelConfig, ModelSpec};

use crate::commands::models;
use crate::failure::{Exit, Failure};
use crate::output::bytes;
use crate::wiring::needs::{Lack, Member, members};

/// Gets what the first model of `spec` lacks, asking first, and says which of the others cannot answer yet.
///
/// # Errors
/// When none of the models can answer, with what each of them lacks.
pub(crate) fn make_ready(
    spec: &str,
    config: &mut ModelConfig,
    interactive: bool,
) -> Result<(), Failure> {
    let spec: ModelSpec = spec.parse()?;
    let chain = ask_for_first(&spec, config, interactive)?;
    if chain.iter().all(|member| member.lack.is_some()) {
        return Err(none_can_answer(&chain));
    }
    let answers = chain.iter().find(|member| member.lack.is_none());
    let answers = answers.map_or("", |member| member.model.as_str());
    for member in &chain {
        if let Some(lack) = member.lack {
            eprintln!(
                "{} cannot answer yet: {lack}. {answers} answers meanwhile.",
                member.model
            );
        }
    }
    Ok(())
}

/// The same for a server, which may begin before the weights are there.
///
/// # Errors
/// When none of the models can answer, and none ever will while the server runs.
pub(crate) fn make_servable(
    spec: &str,
    config: &mut ModelConfig,
    interactive: bool,
) -> Result<(), Failure> {
    let spec: ModelSpec = spec.parse()?;
    let chain = ask_for_first(&spec, config, interactive)?;
    if chain.iter().all(|member| member.lack == Some(Lack::Key)) {
        return Err(none_can_answer(&chain));
    }
    Ok(())
}

/// Asks a person for what the first model lacks; gives how all of them stand then.
fn ask_for_first(
    spec: &ModelSpec,
    config: &mut ModelConfig,
    interactive: bool,
) -> Result<Vec<Member>, Failure> {
    refuse_embedders(spec)?;
    let chain = members(spec, config);
    let Some(lack) = chain.first().and_then(|first| first.lack) else {
        return Ok(chain);
    };
    if !interactive {
        return Ok(chain);
    }
    let got = match lack {
        Lack::Weights(wanted) => get(wanted, &config.local.models_dir),
        Lack::Key => key(config),
    };
    if let Err(failure) = got {
        if chain.iter().all(|member| member.lack.is_some()) {
            return Err(failure);
        }
        eprintln!("{failure}");
    }
    Ok(members(spec, config))
}

/// A model that compares texts is none that answers.
fn refuse_embedders(spec: &ModelSpec) -> Result<(), Failure> {
    let local = spec.choices().iter().filter_map(|choice| match choice {
        ModelChoice::Local(name) => weights::find(name),
        _ => None,
    });
    for weights in local {
        if weights.kind != ModelKind::Chat {
            let what = format!(
                "{} compares texts and cannot answer; choose another with --model",
                weights.title
            );
            return Err(Failure::new(Exit::Invalid, what));
        }
    }
    Ok(())
}

fn none_can_answer(chain: &[Member]) -> Failure {
    let mut lacks: Vec<String> = Vec::new();
    for lack in chain.iter().filter_map(|member| member.lack) {
        let lack = match lack {
            Lack::Weights(_) => lack.to_string(),
            Lack::Key => format!("{lack}; set it, or choose another model with --model"),
        };
        if !lacks.contains(&lack) {
            lacks.push(lack);
        }
    }
    Failure::new(Exit::Unavailable, lacks.join("; "))
}

fn get(wanted: &'static Weights, dir: &Path) -> Result<(), Failure> {
    eprintln!(
        "The model {} is not here yet. It is {} ({}), kept in {}.",
        wanted.title,
        bytes(wanted.size_bytes()),
        wanted.licence,
        dir.display()
    );
    if !yes("Get it now?")? {
        return Err(Failure::new(
            Exit::Unavailable,
            "without its weights the model cannot answer; choose another with --model",
        ));
    }
    models::pull_with_progress(wanted, &weights::PullSource::Auto, dir).map(drop)
}

fn key(config: &mut ModelConfig) -> Result<(), Failure> {
    let key = rpassword::prompt_password("OPENAI_API_KEY (not shown): ")?;
    if key.trim().is_empty() {
        return Err(Failure::new(Exit::Invalid, "no key was given"));
    }
    config.openai.api_key = Some(key.trim().to_owned());
    Ok(())
}

fn yes(question: &str) -> Result<bool, Failure> {
    eprint!("{question} [Y/n] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "" | "y" | "Y" | "yes"))
}
