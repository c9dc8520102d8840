//! `everthread bench`: measures this machine, with a scripted model that answers at once.

mod fill;
mod growth;
mod large;
mod load;
mod notebook;
mod place;
mod report;
mod resume;
mod retention;
mod soak;
mod turns;

use crate::cli::{Bench, BenchKind};
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Settings;
use crate::wiring;

/// Turns of a conversation when nothing else is said.
const TURNS: usize = 1000;

/// Runs the command.
pub(crate) async fn run(settings: &Settings, output: Output, args: &Bench) -> Result<(), Failure> {
    let model = wiring::open_model(&args.model, &wiring::model_config(settings))?;
    let storage = settings.storage_flag().map(str::to_owned);
    let turns = args.turns.unwrap_or(TURNS);
    match args.what {
        BenchKind::Turns if storage.as_deref() == Some("none") => {
            turns::without_store(output, turns, model).await
        }
        BenchKind::Turns => turns::durable(output, turns, model, storage).await,
        BenchKind::Growth => growth::run(output, turns, model, storage).await,
        BenchKind::Resume => resume::run(output, args, model, storage).await,
        BenchKind::Large => large::run(output, args, model, storage).await,
        BenchKind::Retention => retention::run(output, args, model, storage).await,
        BenchKind::Load => load::run(settings, output, args, model).await,
        BenchKind::Soak => soak::run(settings, output, args, model).await,
    }
}
