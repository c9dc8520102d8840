//! `everthread graph draw`

use std::fs;
use std::io::{self, IsTerminal, Write};

use crate::cli::{DrawFormat, Graph};
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use crate::wiring;

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Graph) -> Result<(), Failure> {
    let Graph::Draw { format, output } = command;
    let store = wiring::memory_store().await?;
    let bot = wiring::reading_chatbot(settings, &store)?;
    let drawing = bot.graph().draw();
    let bytes = match format {
        DrawFormat::Mermaid => drawing.mermaid().into_bytes(),
        DrawFormat::Svg => drawing.svg().into_bytes(),
        DrawFormat::Png => drawing.png()?,
    };
    match output {
        Some(path) => fs::write(path, bytes).map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("{} cannot be written", path.display()),
            )
            .because(error)
        }),
        None if matches!(format, DrawFormat::Png) && io::stdout().is_terminal() => {
            Err(Failure::new(
                Exit::Usage,
                "a picture is no text for a terminal: name a file with --output, or redirect stdout",
            ))
        }
        None => Ok(io::stdout().lock().write_all(&bytes)?),
    }
}
