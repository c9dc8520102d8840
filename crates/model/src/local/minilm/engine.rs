//! A loaded model: vocabulary, network and the threads that compute. It works on whatever thread asks.

use std::io;
use std::path::Path;

use super::network::Network;
use super::pieces::Pieces;

/// The model's window in tokens, the marks of a text's beginning and end among them: the one that it was published
/// with.
pub(super) const WINDOW_TOKENS: usize = 256;

/// Tokens that are read together: enough to use each weight often, few enough for the caches.
const PACK_TOKENS: usize = 512;

/// A loaded model.
pub(super) struct Engine {
    pieces: Pieces,
    network: Network,
    threads: rayon::ThreadPool,
}

impl Engine {
    /// Loads the weights at `weights` and the vocabulary at `vocabulary`; `threads` compute, 0 is one for each
    /// processor.
    pub(super) fn load(weights: &Path, vocabulary: &Path, threads: usize) -> io::Result<Self> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("embed-{index}"))
            .build()
            .map_err(io::Error::other)?;
        let (pieces, network) = threads.install(|| {
            rayon::join(
                || Pieces::load(vocabulary, WINDOW_TOKENS),
                || Network::load(weights, WINDOW_TOKENS),
            )
        });
        Ok(Self {
            pieces: pieces?,
            network: network?,
            threads,
        })
    }

    /// A vector for each text.
    pub(super) fn vectors(&self, texts: &[String]) -> io::Result<Vec<Vec<f32>>> {
        self.threads.install(|| {
            let tokens = texts.iter().map(|text| self.pieces.encode(text));
            let tokens: Vec<Vec<u32>> = tokens.collect::<io::Result<_>>()?;
            let mut vectors = Vec::with_capacity(texts.len());
            for pack in packs(&tokens) {
                vectors.extend(self.network.vectors(pack)?);
            }
            Ok(vectors)
        })
    }
}

/// Texts that are read together: neighbours, so many that they have no more than `PACK_TOKENS` tokens, one at least.
fn packs(texts: &[Vec<u32>]) -> impl Iterator<Item = &[Vec<u32>]> {
    let mut left = texts;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = |text: &&Vec<u32>| {
            tokens += text.len();
            tokens <= PACK_TOKENS
        };
        let count = left.iter().take_while(fits).count().max(1);
        let (pack, others) = left.split_at_checked(count)?;
        left = others;
        Some(pack)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_packed_in_order() {
        let texts: Vec<Vec<u32>> = [300, 200, 20, 512, 1, 600]
            .map(|length| vec![0; length])
            .to_vec();
        let counts: Vec<usize> = packs(&texts).map(<[_]>::len).collect();
        assert_eq!(counts, [2, 1, 1, 1, 1]);
        assert_eq!(packs(&[]).count(), 0);
    }
}
