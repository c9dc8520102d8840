//! What an archive or an export says of itself.

use std::collections::BTreeMap;

use everthread_graph::contract::{ThreadId, ThreadKey, UserId};
use everthread_store::portable::{Kind, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{BackupError, BackupErrorKind};

/// The format that this version writes. Older ones are read for ever.
pub(crate) const FORMAT: u32 = 1;

/// What an archive calls itself.
pub(crate) const ARCHIVE: &str = "everthread-archive";

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The version that wrote it.
    pub(crate) software: String,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub(crate) created_ms: i64,
    /// Of what.
    pub(crate) scope: Scope,
    /// Each kind's lines.
    pub(crate) entries: BTreeMap<Kind, Entry>,
}

/// The lines of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// How many.
    pub(crate) rows: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Their SHA-256.
    pub(crate) sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestBody {
    format: String,
    version: u32,
    software: String,
    created_at: String,
    scope: ScopeBody,
    entries: Vec<EntryBody>,
}

/// The scope as archives and exports have it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeBody {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryBody {
    name: String,
    rows: u64,
    bytes: u64,
    sha256: String,
}

/// The name of the entry of a kind.
pub(crate) fn entry_name(kind: Kind) -> String {
    format!("{}.jsonl", kind.plural())
}

/// The kind whose entry has this name.
pub(crate) fn kind_of_entry(name: &str) -> Option<Kind> {
    Kind::from_plural(name.strip_suffix(".jsonl")?)
}

impl Manifest {
    /// The manifest as it lies in an archive.
    pub(crate) fn text(&self) -> String {
        let body = ManifestBody {
            format: ARCHIVE.to_owned(),
            version: FORMAT,
            software: self.software.clone(),
            created_at: rfc3339(self.created_ms),
            scope: ScopeBody::of(&self.scope),
            entries: self
                .entries
                .iter()
                .map(|(kind, entry)| EntryBody {
                    name: entry_name(*kind),
                    rows: entry.rows,
                    bytes: entry.bytes,
                    sha256: entry.sha256.clone(),
                })
                .collect(),
        };
        serde_json::to_string_pretty(&body).expect("names and numbers have a JSON form") + "\n"
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// `Newer`; `Damaged` when it is none or lacks a kind.
    pub(crate) fn read(text: &str) -> Result<Self, BackupError> {
        check_format(text, ARCHIVE)?;
        let body: ManifestBody = serde_json::from_str(text).map_err(|error| {
            BackupError::damaged(format!("its manifest cannot be read ({error})"))
        })?;
        let mut entries = BTreeMap::new();
        for entry in body.entries {
            let kind = kind_of_entry(&entry.name)
                .ok_or_else(|| BackupError::damaged("its manifest names an unknown entry"))?;
            let known = Entry {
                rows: entry.rows,
                bytes: entry.bytes,
                sha256: entry.sha256,
            };
            if entries.insert(kind, known).is_some() {
                return Err(BackupError::damaged("its manifest names an entry twice"));
            }
        }
        if entries.len() != Kind::ALL.len() {
            return Err(BackupError::damaged("its manifest lacks an entry"));
        }
        Ok(Self {
            software: body.software,
            created_ms: time_of(&body.created_at)?,
            scope: body.scope.read()?,
            entries,
        })
    }

    /// How many rows of each kind there are.
    pub(crate) fn counts(&self) -> BTreeMap<Kind, u64> {
        let counts = self.entries.iter();
        counts.map(|(kind, entry)| (*kind, entry.rows)).collect()
    }
}

/// Refuses what another program, or a newer version, wrote.
pub(crate) fn check_format(text: &str, format: &str) -> Result<(), BackupError> {
    #[derive(Deserialize)]
    struct Named {
        format: String,
        version: u64,
    }
    let named: Named = serde_json::from_str(text)
        .map_err(|error| BackupError::damaged(format!("it does not say what it is ({error})")))?;
    if named.format != format {
        return Err(BackupError::new(
            BackupErrorKind::Foreign,
            format!("it is no {format} but {:?}", named.format),
        ));
    }
    if named.version > u64::from(FORMAT) {
        return Err(BackupError::new(
            BackupErrorKind::Newer,
            format!(
                "it has format {} and this version knows formats up to {FORMAT}: use a newer version",
                named.version
            ),
        ));
    }
    if named.version == 0 {
        return Err(BackupError::damaged("it has no format"));
    }
    Ok(())
}

/// A time as archives have it.
pub(crate) fn rfc3339(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

/// The time in an archive.
pub(crate) fn time_of(text: &str) -> Result<i64, BackupError> {
    let at: Timestamp = text
        .parse()
        .map_err(|_| BackupError::damaged("it does not say when it was made"))?;
    Ok(at.as_millisecond())
}

impl ScopeBody {
    /// The scope in words.
    pub(crate) fn of(scope: &Scope) -> Self {
        let (kind, user, thread) = match scope {
            Scope::Whole => ("whole", None, None),
            Scope::User(user) => ("user", Some(user.to_string()), None),
            Scope::Thread(key) => (
                "thread",
                Some(key.user.to_string()),
                Some(key.thread.to_string()),
            ),
        };
        Self {
            kind: kind.to_owned(),
            user,
            thread,
        }
    }

    /// The scope.
    pub(crate) fn read(self) -> Result<Scope, BackupError> {
        let refused = || BackupError::damaged("it does not say of whom it is");
        let user = self
            .user
            .map(UserId::new)
            .transpose()
            .map_err(|_| refused())?;
        let thread = self
            .thread
            .map(ThreadId::new)
            .transpose()
            .map_err(|_| refused())?;
        match (&*self.kind, user, thread) {
            ("whole", None, None) => Ok(Scope::Whole),
            ("user", Some(user), None) => Ok(Scope::User(user)),
            ("thread", Some(user), Some(thread)) => Ok(Scope::Thread(ThreadKey { user, thread })),
            _ => Err(refused()),
        }
    }
}
