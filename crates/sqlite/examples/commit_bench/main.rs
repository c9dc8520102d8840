//! How fast and how small the store is by itself: one conversation of the notebook's shape, straight on the contract,
//! against a bare loop that writes the same rows with one synced commit a turn, round by round in one run.
//!
//! `cargo run --release -p everthread-sqlite --example commit_bench -- [TURNS] [ROUNDS]`

mod bare;
mod conversation;
mod figures;

use std::path::Path;

use conversation::Shape;
use figures::{Figures, median};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let turns = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let rounds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let dir = tempfile::tempdir_in(
        std::env::var_os("EVERTHREAD_BENCH_DIR").unwrap_or_else(|| ".".into()),
    )?;
    speed(dir.path(), turns, rounds).await?;
    growth(dir.path()).await
}

async fn speed(dir: &Path, turns: usize, rounds: usize) -> Outcome<()> {
    let (mut ratios, mut middles) = (Vec::new(), Vec::new());
    let (mut ours, mut bares) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let path = dir.join(format!("ours-{round}.db"));
        let our = conversation::run(&path, turns, Shape::Notebook).await?;
        let bare = bare::replay(&path, &dir.join(format!("bare-{round}.db")))?;
        ratios.push(our.per_second / bare.per_second);
        middles.push(bare.p50_ms / our.p50_ms);
        ours.push(our);
        bares.push(bare);
    }
    println!("notebook's shape, {turns} turns, {rounds} rounds, medians:");
    Figures::median(&ours).print("store");
    Figures::median(&bares).print("bare loop");
    println!(
        "  ratio {:.2}, of the p50s {:.2}",
        median(ratios),
        median(middles)
    );
    Ok(())
}

async fn growth(dir: &Path) -> Outcome<()> {
    println!("no summaries, 2 messages of 200 characters a turn:");
    for turns in [100, 400, 2_000] {
        let path = dir.join(format!("growth-{turns}.db"));
        let figures = conversation::run(&path, turns, Shape::Growing).await?;
        println!(
            "  {turns:>5} turns: {:>9} bytes in all, {:>5} a turn, last hundred p50 {:.3} ms",
            figures.file_bytes,
            figures.file_bytes / turns as u64,
            figures.late_ms
        );
        if turns == 2_000 {
            conversation::open_and_load(&path).await?;
        }
    }
    Ok(())
}
