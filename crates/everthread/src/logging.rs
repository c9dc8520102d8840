//! Where the log goes: stderr, and a file that is changed for a new one now and then.

mod file;

use std::io::{self, IsTerminal};

use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use self::file::LogFile;
use crate::failure::{Exit, Failure};
use crate::settings::{LogFormat, LogSettings};

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Writes what is left when it is dropped.
#[derive(Debug)]
pub(crate) struct Logging {
    _writers: Vec<WorkerGuard>,
}

/// Begins to log.
///
/// # Errors
/// When the level is no filter, or the file cannot be written.
pub(crate) fn begin(settings: &LogSettings) -> Result<Logging, Failure> {
    let filter = || {
        EnvFilter::try_new(&settings.level).map_err(|error| {
            let what = format!("log.level {:?} is no level and no filter", settings.level);
            Failure::new(Exit::Invalid, what).because(error)
        })
    };
    // Written by a thread of its own: a pipe that nobody reads must not stop the server. Lines that find no room are
    // left out.
    let (stderr, held) = tracing_appender::non_blocking(io::stderr());
    let mut layers: Vec<Boxed> = vec![to_stderr(settings.format, stderr, filter()?)];
    let mut writers = vec![held];
    if let Some(path) = &settings.file {
        let opened = LogFile::open(path, settings).map_err(|error| {
            let what = format!("the log file {} cannot be written", path.display());
            Failure::new(Exit::Unavailable, what).because(error)
        })?;
        let (writer, held) = tracing_appender::non_blocking(opened);
        writers.push(held);
        layers.push(json().with_writer(writer).with_filter(filter()?).boxed());
    }
    // A second server in one process logs where the first does.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(Logging { _writers: writers })
}

fn to_stderr(format: LogFormat, stderr: NonBlocking, filter: EnvFilter) -> Boxed {
    let is_json = match format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    if is_json {
        json().with_writer(stderr).with_filter(filter).boxed()
    } else {
        let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        fmt::layer()
            .with_ansi(colours)
            .with_target(false)
            .with_writer(stderr)
            .with_filter(filter)
            .boxed()
    }
}

/// One JSON object a line: `timestamp`, `level`, `target`, `message` and the fields of the event, all flat.
fn json() -> fmt::Layer<Registry, fmt::format::JsonFields, fmt::format::Format<fmt::format::Json>> {
    fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
}
