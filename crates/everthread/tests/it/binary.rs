//! Runs the built binary the way a script does, in a folder of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a storage, and the binary.
pub(crate) struct Home {
    dir: TempDir,
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("chat.db")
    }

    /// The binary with these arguments; nothing of the environment that could change what it does.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_everthread"));
        command.args(args).current_dir(self.path());
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("EVERTHREAD_") || name.starts_with("OPENAI_"))
        {
            command.env_remove(name);
        }
        command
            .env(
                "EVERTHREAD_STORAGE",
                format!("sqlite:{}", self.database().display()),
            )
            .env("XDG_DATA_HOME", self.path().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it with this input to its end.
    pub(crate) fn run(&self, args: &[&str], input: impl AsRef<[u8]>) -> Done {
        finish(
            self.command(args).spawn().expect("the binary starts"),
            input.as_ref(),
        )
    }

    /// Says lines to the instant scripted model; gives the replies.
    pub(crate) fn say(&self, thread: &str, lines: &[&str]) -> Vec<String> {
        let done = self.run(
            &["chat", "--model", "scripted:echo", "--thread", thread],
            lines.join("\n") + "\n",
        );
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout.lines().map(str::to_owned).collect()
    }

    /// Runs it with `--json`, which must succeed; gives the document.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["--json"]].concat(), "");
        assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
        serde_json::from_str(&done.stdout)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {}", done.stdout))
    }

    /// The texts of a conversation: who and what.
    pub(crate) fn messages(&self, thread: &str) -> Vec<(String, String)> {
        let shown = self.json(&["threads", "show", thread]);
        let messages = shown["messages"].as_array().expect("messages");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        messages
            .iter()
            .map(|message| (text(&message["type"]), text(&message["content"])))
            .collect()
    }

    /// Fails unless the storage is sound.
    pub(crate) fn check(&self) {
        let done = self.run(&["storage", "check"], "");
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    }
}

/// Gives a process its input and waits for its end.
pub(crate) fn finish(mut child: Child, input: &[u8]) -> Done {
    let mut stdin = child.stdin.take().expect("piped");
    // A process that ends early closes the pipe; its exit code tells the rest.
    let _ = stdin.write_all(input);
    drop(stdin);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("the binary ends");
    Done {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).expect("UTF-8"),
        stderr: String::from_utf8(stderr).expect("UTF-8"),
    }
}
