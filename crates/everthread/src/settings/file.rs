//! `everthread.toml` as a whole. The comments here are the text of `docs/CONFIGURATION.md`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backup::BackupSettings;
use super::chat::ChatSettings;
use super::identity::IdentitySettings;
use super::limits::LimitsSettings;
use super::log::LogSettings;
use super::models::ModelsSettings;
use super::retention::{RetentionSettings, UpkeepSettings};
use super::server::HttpSettings;

/// What every command reads.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    /// Where the conversations are: `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/DATABASE`, or `sqlite::memory:` for
    /// nothing that lasts. By default a file in `$XDG_DATA_HOME/everthread` or `~/.local/share/everthread`. Flag:
    /// `--storage`.
    pub(super) storage: Option<String>,
    /// The user of `everthread chat` and `everthread threads`; `local` by default. Flag: `--user`.
    pub(super) user: Option<String>,
    /// The conversation of `everthread chat`; `main` by default. Flag: `--thread`.
    pub(super) thread: Option<String>,
    /// The model, or several, separated by commas, as a chain: `local`, `local:NAME`, `openai:MODEL`,
    /// `scripted:echo`; `local` by default. Flag: `--model`.
    pub(super) model: Option<String>,
    /// The folder with the weights of local models; by default `models` beside the default storage. Also
    /// `EVERTHREAD_MODELS`.
    pub(super) models_dir: Option<PathBuf>,
    /// What of a conversation the model sees.
    pub(super) chat: ChatSettings,
    /// How models are asked, and what happens when one fails. The key and the server of `openai:` models are
    /// `OPENAI_API_KEY` and `OPENAI_BASE_URL`.
    pub(super) models: ModelsSettings,
    /// The HTTP server.
    pub(super) server: HttpSettings,
    /// Tokens of an identity provider (JWT), beside the API keys that `everthread keys` makes. Set `audience` and one
    /// of `issuer`, `jwks_url` and `secret` to accept them.
    pub(super) identity: IdentitySettings,
    /// How much a caller may ask for. What is too much is answered with 429 and `Retry-After`.
    pub(super) limits: LimitsSettings,
    /// Backups: where they are, when a server makes one, and which stay.
    pub(super) backup: BackupSettings,
    /// How long conversations are kept. Nothing is removed unless one of the first three is set; pinned conversations and
    /// users under hold are never touched. `everthread users set USER --retention …` gives a user limits of their own.
    /// `idle_days = 30` removes, every hour, what nobody used for 30 days.
    pub(super) retention: RetentionSettings,
    /// What keeps the storage quick and small.
    pub(super) upkeep: UpkeepSettings,
    /// The log of the server: one line for each request, never a secret, on stderr and in a file if one is named.
    pub(super) log: LogSettings,
}
