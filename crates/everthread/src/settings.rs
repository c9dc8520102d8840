//! The settings: what the command line says, else the environment, else the configuration file, else a default.

use std::fs;
use std::path::{Path, PathBuf};

use everthread_chat::ContextPolicy;
use everthread_graph::contract::{ThreadId, UserId};
use serde::Deserialize;

use crate::cli::Global;
use crate::failure::{Exit, Failure};

/// The configuration file that is read when it is there and no other is named.
const DEFAULT_FILE: &str = "everthread.toml";
/// The user of a computer that only one person uses.
const DEFAULT_USER: &str = "local";
/// The conversation of somebody who names none.
const DEFAULT_THREAD: &str = "main";
/// The model of somebody who names none.
const DEFAULT_MODEL: &str = "local";

/// `everthread.toml`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    storage: Option<String>,
    user: Option<String>,
    thread: Option<String>,
    model: Option<String>,
    models_dir: Option<PathBuf>,
    chat: ContextPolicy,
}

/// What a command runs with.
#[derive(Debug)]
pub(crate) struct Settings {
    storage: Option<String>,
    file: File,
}

impl Settings {
    /// Reads the configuration file, if there is one, below what the command line and the environment say.
    ///
    /// # Errors
    /// When a named file is not there, or a file cannot be understood.
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let file = match &global.config {
            Some(path) => read_file(path)?,
            None if Path::new(DEFAULT_FILE).is_file() => read_file(Path::new(DEFAULT_FILE))?,
            None => File::default(),
        };
        Ok(Self {
            storage: global.storage.clone(),
            file,
        })
    }

    /// The storage URL; `sqlite:` with a file in the data directory when none is named.
    pub(crate) fn storage(&self) -> String {
        self.chosen_storage()
            .unwrap_or_else(|| format!("sqlite:{}", data_dir().join("everthread.db").display()))
    }

    /// The storage that the command line names: the only one that a benchmark may write to.
    pub(crate) fn storage_flag(&self) -> Option<&str> {
        self.storage.as_deref()
    }

    fn chosen_storage(&self) -> Option<String> {
        let flag = self.storage.clone();
        flag.or_else(|| environment("EVERTHREAD_STORAGE"))
            .or_else(|| self.file.storage.clone())
    }

    /// Whether somebody chose the storage, rather than leaving it at its default.
    pub(crate) fn storage_is_default(&self) -> bool {
        self.chosen_storage().is_none()
    }

    /// The user.
    pub(crate) fn user(&self, flag: Option<&str>) -> Result<UserId, Failure> {
        let name = choice(
            flag,
            "EVERTHREAD_USER",
            self.file.user.as_deref(),
            DEFAULT_USER,
        );
        named("user", &name, UserId::new(&name))
    }

    /// The conversation.
    pub(crate) fn thread(&self, flag: Option<&str>) -> Result<ThreadId, Failure> {
        let name = choice(
            flag,
            "EVERTHREAD_THREAD",
            self.file.thread.as_deref(),
            DEFAULT_THREAD,
        );
        thread_id(&name)
    }

    /// The model, as a specification.
    pub(crate) fn model(&self, flag: Option<&str>) -> String {
        choice(
            flag,
            "EVERTHREAD_MODEL",
            self.file.model.as_deref(),
            DEFAULT_MODEL,
        )
    }

    /// Where the weights of local models are.
    pub(crate) fn models_dir(&self) -> PathBuf {
        std::env::var_os("EVERTHREAD_MODELS")
            .map(PathBuf::from)
            .or_else(|| self.file.models_dir.clone())
            .unwrap_or_else(|| data_dir().join("models"))
    }

    /// What of a conversation the model sees.
    pub(crate) fn context_policy(&self) -> ContextPolicy {
        self.file.chat.clone()
    }
}

fn choice(flag: Option<&str>, variable: &str, file: Option<&str>, default: &str) -> String {
    flag.map(str::to_owned)
        .or_else(|| environment(variable))
        .unwrap_or_else(|| file.unwrap_or(default).to_owned())
}

/// What an environment variable says, if it says anything.
fn environment(variable: &str) -> Option<String> {
    std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
}

/// A conversation's id from text.
pub(crate) fn thread_id(name: &str) -> Result<ThreadId, Failure> {
    named("thread", name, ThreadId::new(name))
}

fn named<T>(
    kind: &str,
    name: &str,
    id: Result<T, everthread_graph::contract::IdError>,
) -> Result<T, Failure> {
    id.map_err(|error| {
        Failure::new(Exit::Invalid, format!("{kind} {name:?} cannot be used")).because(error)
    })
}

fn read_file(path: &Path) -> Result<File, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound {
            Exit::NotFound
        } else {
            Exit::Invalid
        };
        Failure::new(
            exit,
            format!("the configuration file {} cannot be read", path.display()),
        )
        .because(error)
    })?;
    toml::from_str(&text).map_err(|error| {
        Failure::new(
            Exit::Invalid,
            format!(
                "the configuration file {} is not valid; correct it or name another with --config",
                path.display()
            ),
        )
        .because(error)
    })
}

/// Where this user's data is kept: `$XDG_DATA_HOME/everthread`, else `~/.local/share/everthread`.
pub(crate) fn data_dir() -> PathBuf {
    let base = std::env::var_os("XDG_DATA_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."));
    base.join("everthread")
}
