//! Measures the embedding model: loading, texts a second, memory.
//!
//! `cargo run --release -p everthread-model --example measure_minilm`

use std::error::Error;
use std::time::{Duration, Instant};

use everthread_model::{Embedder, LocalConfig, MiniLm, weights};

/// Each figure is the best of several rounds, because the machine may be busy with other things in some.
const ROUNDS: usize = 3;

/// Every round makes this many vectors, in one call or in as many.
const TEXTS: usize = 64;

/// English of which texts are made.
const PROSE: &str = include_str!("../src/weights/apache-2.0.txt");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let embedder = MiniLm::new(LocalConfig {
        models_dir: weights::default_dir(),
        ..LocalConfig::default()
    });
    let begin = Instant::now();
    embedder.warm().await?;
    println!(
        "loaded in {:.2} s, {}",
        begin.elapsed().as_secs_f32(),
        memory()
    );
    for words in [20, 200] {
        let texts = texts(words);
        let (mut singly, mut together) = (Duration::MAX, Duration::MAX);
        let cpu = cpu_seconds();
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            for text in texts.chunks(1) {
                embedder.embed(text).await?;
            }
            singly = singly.min(begin.elapsed());
            let begin = Instant::now();
            embedder.embed(&texts).await?;
            together = together.min(begin.elapsed());
        }
        let rate = |time: Duration| TEXTS as f32 / time.as_secs_f32();
        println!(
            "{words} words: {:.1} texts/s one at a time, {:.1} texts/s together ({:.1} for each processor), {}",
            rate(singly),
            rate(together),
            (2 * ROUNDS * TEXTS) as f32 / (cpu_seconds() - cpu),
            memory()
        );
    }
    Ok(())
}

/// Texts of `words` words each, no two alike.
fn texts(words: usize) -> Vec<String> {
    let source: Vec<&str> = PROSE.split_whitespace().collect();
    let text = |at: usize| {
        let words = source.iter().cycle().skip(at * 7).take(words);
        words.copied().collect::<Vec<_>>().join(" ")
    };
    (0..TEXTS).map(text).collect()
}

/// Resident memory, now and at its highest, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Processor time of this process, where the system tells: what a busy machine cannot distort.
fn cpu_seconds() -> f32 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f32>().ok());
    ticks.sum::<f32>() / 100.0
}
