//! A private PostgreSQL for tests: a cluster in a temporary folder that is there while the test binary runs, however
//! that ends. Tests of other crates take this file in by its path.
//!
//! A shell starts the server and waits for the end of its standard input. That end comes with the end of the test
//! process, killed or not; then the shell stops the server and removes the folder.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "not every crate that takes this in needs all of it, and each test is a binary"
)]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// `$1` is the folder of everything, `$2` that of PostgreSQL's programs, `$3` the server's options.
const SERVE: &str = r#"
trap : INT TERM HUP
home="$1" bin="$2"
stop() { "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null 2>&1; rm -rf "$home"; }
if "$bin/initdb" -D "$home/data" -U everthread -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$home/log" 2>&1 &&
  "$bin/pg_ctl" -D "$home/data" -l "$home/log" -o "$3" -w start >/dev/null 2>&1
then echo ready; else cat "$home/log"; stop; exit 1; fi
while read -r _ || [ $? -gt 128 ]; do :; done
stop
"#;

/// How a server differs from others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// Whether each commit reaches the disk: for figures. What a crash of the machine would take is no matter in tests.
    pub(crate) synced: bool,
    /// Settings: `ssl=on`. `HOME` in them stands for the server's folder.
    pub(crate) settings: Vec<String>,
    /// Files that only the server reads, by their names in its folder.
    pub(crate) files: Vec<(String, String)>,
}

/// A PostgreSQL server that ends with its owner.
#[derive(Debug)]
pub(crate) struct Server {
    /// The folder of its socket.
    pub(crate) home: PathBuf,
    /// Its port, for the socket and on 127.0.0.1.
    pub(crate) port: u16,
    _keeper: Keeper,
}

impl Server {
    /// The one server of this test binary.
    ///
    /// # Panics
    /// Where PostgreSQL is missing or does not start: no test of it is skipped.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&Setup::default()))
    }

    /// Starts a server of one's own; it stops when this is dropped.
    ///
    /// # Panics
    /// Where PostgreSQL is missing or does not start.
    pub(crate) fn start(setup: &Setup) -> Self {
        let bin = programs();
        let mut said = String::new();
        // Between choosing a free port and taking it another may take it.
        for _ in 0..5 {
            match Self::try_start(&bin, setup) {
                Ok(server) => return server,
                Err(log) => said = log,
            }
        }
        panic!("the private PostgreSQL does not start:\n{said}");
    }

    fn try_start(bin: &Path, setup: &Setup) -> Result<Self, String> {
        let home = folder("everthread-pg");
        for (name, text) in &setup.files {
            secret(&home.join(name), text);
        }
        let port = free_port();
        let synced = if setup.synced { "on" } else { "off" };
        let mut options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories=HOME -c max_connections=200 \
             -c fsync={synced} -c full_page_writes={synced} -c shared_buffers=64MB -c max_wal_size=512MB"
        );
        for setting in &setup.settings {
            options += &format!(" -c {setting}");
        }
        let options = options.replace("HOME", &home.display().to_string());
        let keeper = Keeper::start(SERVE, &home, &[&bin.display().to_string(), &options])?;
        Ok(Self {
            home,
            port,
            _keeper: keeper,
        })
    }

    /// The URL of its database by the socket.
    pub(crate) fn url(&self) -> String {
        let host = self.home.display().to_string().replace('/', "%2F");
        format!("postgres://everthread@{host}:{}/postgres", self.port)
    }

    /// The URL of its database over TCP.
    pub(crate) fn tcp_url(&self) -> String {
        format!("postgres://everthread@127.0.0.1:{}/postgres", self.port)
    }

    /// The URL of a schema that no other test of this binary uses.
    pub(crate) fn new_schema(&self) -> String {
        static GIVEN: AtomicU32 = AtomicU32::new(0);
        let n = GIVEN.fetch_add(1, Ordering::Relaxed);
        format!("{}?schema=test_{n}", self.url())
    }

    /// Runs statements as an operator would; gives what they print, rows by lines.
    ///
    /// # Panics
    /// Where one fails.
    pub(crate) fn psql(&self, sql: &str) -> String {
        let output = Command::new(programs().join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--command", sql])
            .arg(self.url())
            .output()
            .expect("psql can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// A shell that runs a server until this is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Keeper(Child);

impl Keeper {
    /// Runs a script with these arguments, the folder first, and waits until it says `ready`.
    ///
    /// # Errors
    /// What it said instead.
    pub(crate) fn start(script: &str, home: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(home).args(arguments);
        if let Some((user, group)) = other_user() {
            shell.uid(user).gid(group);
        }
        let mut shell = shell
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell can be started");
        let mut out = BufReader::new(shell.stdout.take().expect("its output is a pipe"));
        let mut said = String::new();
        out.read_line(&mut said).expect("the shell can be heard");
        if said.trim() == "ready" {
            return Ok(Self(shell));
        }
        out.read_to_string(&mut said)
            .expect("the shell can be heard");
        // It has said why, and ends.
        let _ = shell.wait();
        Err(said)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Where it cannot be waited for it ends all the same.
        let _ = self.0.wait();
    }
}

/// The folder of PostgreSQL's programs, of the newest version there is.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path().join("bin")));
    }
    found.retain(|bin| bin.join("initdb").is_file());
    found.sort_by_key(|bin| {
        let version = bin.iter().filter_map(|part| {
            let part = part.to_str()?.trim_start_matches("postgresql@");
            part.parse::<u32>().ok()
        });
        version.max()
    });
    found.pop().expect(
        "PostgreSQL is missing: run script/test, which installs it, or sudo apt-get install postgresql",
    )
}

/// Where this is root, whom servers run as: they refuse to be root.
fn other_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let me = fs::metadata("/proc/self").map_or(1, |me| me.uid());
    if me != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    };
    ids("postgres").or_else(|| ids("nobody"))
}

/// A folder of the one whom servers run as. Its path is short: that of a socket may have some hundred letters.
pub(crate) fn folder(name: &str) -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let n = MADE.fetch_add(1, Ordering::Relaxed);
    let home = PathBuf::from(format!("/tmp/{name}-{}-{n}", std::process::id()));
    // What an earlier process of this number left.
    let _ = fs::remove_dir_all(&home);
    fs::create_dir(&home).expect("a folder can be made in /tmp");
    give(&home, 0o700);
    home
}

/// Writes a file that only the one reads whom servers run as.
pub(crate) fn secret(path: &Path, text: &str) {
    fs::write(path, text).expect("a file can be written in /tmp");
    give(path, 0o600);
}

fn give(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("one's own file can be changed");
    if let Some((user, group)) = other_user() {
        chown(path, Some(user), Some(group)).expect("root may give a file away");
    }
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
    listener.local_addr().expect("it has an address").port()
}
