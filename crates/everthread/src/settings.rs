//! The settings: what the command line says, else the environment, else the configuration file, else a default.

mod backup;
mod chat;
#[cfg(test)]
mod document;
mod environment;
mod file;
mod identity;
mod limits;
mod log;
mod models;
mod retention;
mod schema;
mod secret;
mod server;

use std::fs;
use std::path::{Path, PathBuf};

use everthread_backup::KeepRules;
use everthread_chat::ContextPolicy;
use everthread_graph::contract::{ThreadId, UserId};
use everthread_model::ModelConfig;
use everthread_server::identity::JwtSettings;
use everthread_server::{LimitSettings, Settings as ServerSettings};
use everthread_store::retention::Policy;

use crate::cli::Global;
use crate::failure::{Exit, Failure};
use file::File;
pub(crate) use log::{LogFormat, LogRotation, LogSettings};

/// The configuration file that is read when it is there and no other is named.
const DEFAULT_FILE: &str = "everthread.toml";
/// The user of a computer that only one person uses.
const DEFAULT_USER: &str = "local";
/// The conversation of somebody who names none.
const DEFAULT_THREAD: &str = "main";
/// The model of somebody who names none.
const DEFAULT_MODEL: &str = "local";

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
    /// When a named file is not there, or a file or a variable cannot be understood.
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let text = match &global.config {
            Some(path) => Some((path.as_path(), read_text(path)?)),
            None if Path::new(DEFAULT_FILE).is_file() => {
                let path = Path::new(DEFAULT_FILE);
                Some((path, read_text(path)?))
            }
            None => None,
        };
        let mut table = match &text {
            Some((path, text)) => parse(path, text)?,
            None => toml::Table::new(),
        };
        let variable = |name: &str| std::env::var(name).ok().filter(|said| !said.is_empty());
        environment::lay_over(&mut table, &variable)?;
        for warning in environment::misspelt(std::env::vars_os().map(|(name, _)| name)) {
            eprintln!("warning: {warning}");
        }
        let file = table.try_into().map_err(|error: toml::de::Error| {
            Failure::new(Exit::Invalid, "the settings cannot be used").because(error)
        })?;
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
        self.storage.clone().or_else(|| self.file.storage.clone())
    }

    /// Whether somebody chose the storage, rather than leaving it at its default.
    pub(crate) fn storage_is_default(&self) -> bool {
        self.chosen_storage().is_none()
    }

    /// The user.
    pub(crate) fn user(&self, flag: Option<&str>) -> Result<UserId, Failure> {
        let name = choice(flag, self.file.user.as_deref(), DEFAULT_USER);
        user_id(&name)
    }

    /// The conversation.
    pub(crate) fn thread(&self, flag: Option<&str>) -> Result<ThreadId, Failure> {
        let name = choice(flag, self.file.thread.as_deref(), DEFAULT_THREAD);
        thread_id(&name)
    }

    /// The model, as a specification.
    pub(crate) fn model(&self, flag: Option<&str>) -> String {
        choice(flag, self.file.model.as_deref(), DEFAULT_MODEL)
    }

    /// Where the weights of local models are.
    pub(crate) fn models_dir(&self) -> PathBuf {
        let dir = self.file.models_dir.clone();
        dir.unwrap_or_else(|| data_dir().join("models"))
    }

    /// What of a conversation the model sees.
    pub(crate) fn context_policy(&self) -> ContextPolicy {
        self.file.chat.policy()
    }

    /// How models are asked, and what happens when one fails.
    pub(crate) fn model_config(&self) -> ModelConfig {
        self.file.models.config(self.models_dir())
    }

    /// The models that a run may ask for by name, besides the one that is served.
    pub(crate) fn offered_models(&self) -> &[String] {
        &self.file.models.offered
    }

    /// Where the server listens.
    pub(crate) fn listen<'a>(&'a self, flag: Option<&'a str>) -> &'a str {
        flag.unwrap_or(&self.file.server.listen)
    }

    /// What is set about the server.
    pub(crate) fn server(&self) -> ServerSettings {
        ServerSettings {
            retention: self.retention(),
            retention_every: self.file.retention.every(),
            upkeep_every: self.file.upkeep.every(),
            ..self.file.server.settings()
        }
    }

    /// How long conversations are kept of everybody who has no limits of their own.
    pub(crate) fn retention(&self) -> Policy {
        self.file.retention.policy()
    }

    /// Which tokens are believed; `None` when nothing is set up.
    pub(crate) fn tokens(&self) -> Option<JwtSettings> {
        self.file.identity.tokens()
    }

    /// How much a caller may ask for.
    pub(crate) fn limits(&self) -> LimitSettings {
        self.file.limits.settings()
    }

    /// The folder of the backups, if one is set.
    pub(crate) fn backup_dir(&self) -> Option<&Path> {
        self.file.backup.dir.as_deref()
    }

    /// Hours between two backups of a server, and whether each is verified; `None` for no backups.
    pub(crate) fn backup_schedule(&self) -> Option<(u32, bool)> {
        self.file.backup.schedule()
    }

    /// Which backups stay when they are pruned.
    pub(crate) fn backup_rules(&self) -> KeepRules {
        self.file.backup.rules()
    }

    /// What goes to the log, and where that is.
    pub(crate) fn log(&self) -> &LogSettings {
        &self.file.log
    }
}

fn choice(flag: Option<&str>, file: Option<&str>, default: &str) -> String {
    flag.or(file).unwrap_or(default).to_owned()
}

/// A conversation's id from text.
pub(crate) fn thread_id(name: &str) -> Result<ThreadId, Failure> {
    named("thread", name, ThreadId::new(name))
}

/// A user's id from text.
pub(crate) fn user_id(name: &str) -> Result<UserId, Failure> {
    named("user", name, UserId::new(name))
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

fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound {
            Exit::NotFound
        } else {
            Exit::Invalid
        };
        let what = format!("the configuration file {} cannot be read", path.display());
        Failure::new(exit, what).because(error)
    })
}

/// The file as a table, after it was read once by itself: only so does an error say in which line it is.
fn parse(path: &Path, text: &str) -> Result<toml::Table, Failure> {
    let invalid = |error: toml::de::Error| {
        let what = format!(
            "the configuration file {} is not valid; correct it or name another with --config",
            path.display()
        );
        Failure::new(Exit::Invalid, what).because(error)
    };
    toml::from_str::<File>(text).map_err(invalid)?;
    text.parse().map_err(invalid)
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
