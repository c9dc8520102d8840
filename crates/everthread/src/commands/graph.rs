//! `everthread graph draw`

use std::fs;
use std::io::{self, IsTerminal, Write};

use serde_json::json;

use crate::cli::{DrawFormat, Graph};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::settings::Settings;
use crate::wiring;

/// Runs the command.
pub(crate) async fn run(
    settings: &Settings,
    printed: Output,
    command: &Graph,
) -> Result<(), Failure> {
    let Graph::Draw { format, output } = command;
    let store = wiring::memory_store().await?;
    let bot = wiring::reading_chatbot(settings, &store)?;
    let drawing = bot.graph().draw();
    let bytes = match format {
        DrawFormat::Mermaid => drawing.mermaid().into_bytes(),
        DrawFormat::Svg => drawing.svg().into_bytes(),
        DrawFormat::Png => drawing.png()?,
    };
    let name = match format {
        DrawFormat::Mermaid => "mermaid",
        DrawFormat::Svg => "svg",
        DrawFormat::Png => "png",
    };
    if let Some(path) = output {
        let failed = |error| {
            let what = format!("{} cannot be written", path.display());
            Failure::new(Exit::Unavailable, what).because(error)
        };
        let size = bytes.len();
        fs::write(path, bytes).map_err(failed)?;
        if printed.is_json() {
            let told = json!({ "drawn": { "format": name, "file": path, "bytes": size } });
            printed.print(told, String::new)?;
        }
        return Ok(());
    }
    if printed.is_json() {
        let text = String::from_utf8(bytes).map_err(|_| {
            let what = "a picture is no text for a JSON document: name a file with --output";
            Failure::new(Exit::Usage, what)
        })?;
        let told = json!({ "drawn": { "format": name, "text": text } });
        return printed.print(told, String::new);
    }
    match output {
        None if matches!(format, DrawFormat::Png) && io::stdout().is_terminal() => {
            Err(Failure::new(
                Exit::Usage,
                "a picture is no text for a terminal: name a file with --output, or redirect stdout",
            ))
        }
        _ => Ok(io::stdout().lock().write_all(&bytes)?),
    }
}
