//! Gets the weights of the models that are named into the models folder (`EVERTHREAD_MODELS`).
//!
//! `cargo run -p everthread-model --example pull_weights -- smollm2-135m`

use std::error::Error;

use everthread_model::weights::{self, PullSource};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = weights::default_dir();
    for name in std::env::args().skip(1) {
        let mut last = None;
        let path = weights::pull(&name, &PullSource::Auto, &dir, &mut |progress| {
            let percent = progress.done_bytes * 100 / progress.total_bytes;
            if last != Some((progress.phase, percent / 10)) {
                last = Some((progress.phase, percent / 10));
                println!("{name}: {:?} {percent} %", progress.phase);
            }
        })?;
        println!("{name}: {}", path.display());
    }
    for listed in weights::list(&dir) {
        let weights = listed.weights;
        println!(
            "{:20} {:>6} MB  {}  {}  {}",
            weights.name,
            weights.size_bytes() / 1_000_000,
            weights.licence,
            if listed.installed {
                "installed"
            } else {
                "not installed"
            },
            weights.purpose,
        );
    }
    Ok(())
}
