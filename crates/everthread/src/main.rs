//! The binary: reads the command line, runs one command, and turns what went wrong into an exit code.

mod cli;
mod commands;
mod failure;
mod logging;
mod output;
mod settings;
mod terminal;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

use crate::cli::{Cli, Command};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::settings::Settings;

/// A turn makes many small things and drops them soon, some on another thread: this allocator is quicker at that than
/// the system's (a fifth more turns a second over HTTP).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.global.json);
    match run(&cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        // As with `everthread threads list | head`.
        Err(failure) if failure.is_unread() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            if output.is_json() && !failure.is_reported() {
                let error =
                    json!({ "error": { "code": failure.name(), "message": failure.to_string() } });
                // Where nobody reads stdout any more, the exit code still tells.
                let _ = output.print(error, String::new);
            }
            failure.code()
        }
    }
}

fn run(cli: &Cli, output: Output) -> Result<(), Failure> {
    let settings = Settings::read(&cli.global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "the runtime cannot start").because(error))?;
    runtime.block_on(async {
        match &cli.command {
            Command::Chat(args) => commands::chat::run(&settings, output, args).await,
            Command::Threads(args) => commands::threads::run(&settings, output, args).await,
            Command::Serve(args) => commands::serve::run(&settings, output, args).await,
            Command::Users(args) => commands::users::run(&settings, output, args).await,
            Command::Keys(args) => commands::keys::run(&settings, output, args).await,
            Command::Backup(args) => commands::backup::run(&settings, output, args).await,
            Command::Storage(args) => commands::storage::run(&settings, output, args).await,
            Command::Graph(args) => commands::graph::run(&settings, output, args).await,
            Command::Models(args) => commands::models::run(&settings, output, args).await,
            Command::Bench(args) => commands::bench::run(&settings, output, args).await,
            Command::Doctor => commands::doctor::run(&settings, output).await,
        }
    })
}
