//! Kills the binary at any moment: nothing that was acknowledged is lost, nothing is doubled.

use std::io::{Read, Write};
use std::process::ChildStdout;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::binary::Home;

/// Times the binary is killed.
fn rounds() -> usize {
    if std::env::var_os("EVERTHREAD_LONG").is_some() {
        2000
    } else {
        200
    }
}

/// A small generator: the moments must differ, not be unpredictable.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What came out of the process, chunk by chunk, until it closed.
fn listen(mut stdout: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = stdout.read(&mut buffer) {
            if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Says one line, waits until so many bytes of the reply were shown or the time is over, and kills the process.
/// Gives what was shown.
fn say_and_kill(home: &Home, model: &str, line: &str, bytes: usize, patience: Duration) -> Vec<u8> {
    let mut child = home
        .command(&["chat", "--thread", "t", "--model", model])
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("piped");
    let heard = listen(child.stdout.take().expect("piped"));
    // Writing fails when the process is already gone; then nothing was shown either.
    let _ = writeln!(stdin, "{line}");
    let mut shown = Vec::new();
    let until = std::time::Instant::now() + patience;
    while shown.len() < bytes {
        let left = until.saturating_duration_since(std::time::Instant::now());
        match heard.recv_timeout(left) {
            Ok(chunk) => shown.extend(chunk),
            Err(_) => break,
        }
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    // What it had written before it died was shown as well.
    while let Ok(chunk) = heard.recv() {
        shown.extend(chunk);
    }
    shown
}

#[test]
fn killed_at_any_moment_it_loses_nothing_that_was_shown() {
    let seed = std::env::var("EVERTHREAD_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(0x5eed_1234);
    println!("EVERTHREAD_SEED={seed}");
    let mut random = Random(seed);
    let home = Home::new();
    home.say("t", &["the beginning"]);
    let mut shown = Vec::new();
    for round in 0..rounds() {
        let line = format!("message number {round}");
        let slow = round % 2 == 0;
        let model = if slow {
            "scripted:slow"
        } else {
            "scripted:echo"
        };
        let bytes = if slow {
            1 + random.below(60) as usize
        } else {
            201
        };
        let patience = Duration::from_millis(5 + random.below(if slow { 250 } else { 60 }));
        shown.push((
            line.clone(),
            say_and_kill(&home, model, &line, bytes, patience),
        ));
        if round % 25 == 24 {
            verify(&home, &shown);
        }
    }
    verify(&home, &shown);
    assert_eq!(home.say("t", &["and it goes on"]).len(), 1);
    let any = shown.iter().filter(|(_, reply)| !reply.is_empty()).count();
    let cut = shown
        .iter()
        .filter(|(_, reply)| !reply.is_empty() && !reply.ends_with(b"\n"))
        .count();
    println!("{any} replies were begun, {cut} of them cut");
    assert!(
        any * 5 > shown.len(),
        "the kills come too early to show anything: {any} of {}",
        shown.len()
    );
    assert!(cut > 0, "no kill fell into a reply");
}

fn verify(home: &Home, shown: &[(String, Vec<u8>)]) {
    home.check();
    let kept = home.messages("t");
    for (line, reply) in shown {
        let at: Vec<usize> = (0..kept.len()).filter(|&i| kept[i].1 == *line).collect();
        assert!(at.len() <= 1, "{line:?} is there {} times", at.len());
        if reply.is_empty() {
            continue;
        }
        let at = *at
            .first()
            .unwrap_or_else(|| panic!("{line:?} was answered and is gone"));
        if let Some(whole) = reply.strip_suffix(b"\n") {
            let whole = String::from_utf8_lossy(whole).into_owned();
            assert_eq!(
                kept.get(at + 1),
                Some(&("ai".to_owned(), whole)),
                "the reply to {line:?}"
            );
        }
    }
}
