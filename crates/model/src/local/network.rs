//! The network: a transformer of the Llama family (Llama and Qwen2), read from a GGUF file.
//!
//! It turns tokens into numbers for the next token and knows nothing of text. Layers and their order follow
//! "LLaMA: Open and Efficient Foundation Language Models" (Touvron et al., 2023), heads that share keys and values
//! "GQA" (Ainslie et al., 2023), rotations of positions "RoFormer" (Su et al., 2021).

mod layer;
mod rope;

use std::io;
use std::path::Path;

use layer::Layer;
use rope::Rotations;

use super::gguf::Gguf;
use super::kernel::sum_of_squares;
use super::matrix::Matrix;
use super::memory::Memory;
use super::shape::Shape;
use super::tensors::{FileRows, Tensors};

/// A network, ready to read.
pub(super) struct Network {
    shape: Shape,
    embedding: FileRows,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Matrix,
}

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The caller wanted no more.
    Cancelled,
    /// The weights could not be read.
    Io(io::Error),
}

impl Network {
    /// Loads the network from the file at `path`, whose header is `gguf`.
    pub(super) fn load(path: &Path, gguf: &Gguf) -> io::Result<Self> {
        let shape = Shape::read(gguf)?;
        let tensors = Tensors::open(path, gguf.tensors())?;
        let layers = (0..shape.layers)
            .map(|index| Layer::load(&tensors, &shape, index))
            .collect::<io::Result<_>>()?;
        // Without a tensor of its own, the output uses the embedding the other way round.
        let head = ["output.weight", "token_embd.weight"];
        let head = head.into_iter().find(|name| tensors.has(name));
        Ok(Self {
            embedding: tensors.rows("token_embd.weight", shape.width)?,
            layers,
            norm: tensors.vector("output_norm.weight", shape.width)?,
            head: tensors.matrix(&[head.unwrap_or("output.weight").to_owned()], shape.width)?,
            shape,
        })
    }

    /// The network's measures.
    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// A memory that has read nothing.
    pub(super) fn empty_memory(&self) -> Memory {
        Memory::new(
            self.shape.layers * self.shape.kv_heads,
            self.shape.head_size,
        )
    }

    /// Reads more tokens into the memory; gives a score for each token of the vocabulary that may come next.
    ///
    /// `cancelled` is asked before every layer. On an error the memory is as it was.
    pub(super) fn read(
        &self,
        memory: &mut Memory,
        tokens: &[u32],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>, Stopped> {
        let known = memory.tokens().len();
        let result = self.run_layers(memory, tokens, cancelled);
        if result.is_err() {
            memory.truncate(known);
        }
        let numbers = result?;
        memory.confirm(tokens);
        let last = &numbers[numbers.len() - self.shape.width..];
        let last = normalise(last, &self.norm, self.shape.epsilon);
        Ok(self.head.multiply(&last))
    }

    fn run_layers(
        &self,
        memory: &mut Memory,
        tokens: &[u32],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f32>, Stopped> {
        let mut numbers = Vec::with_capacity(tokens.len() * self.shape.width);
        for &token in tokens {
            let row = (token as usize).min(self.embedding.len() - 1);
            self.embedding
                .read(row, &mut numbers)
                .map_err(Stopped::Io)?;
        }
        let rotations = Rotations::new(&self.shape, memory.tokens().len(), tokens.len());
        let heads = memory.heads_mut().chunks_mut(self.shape.kv_heads);
        for (layer, heads) in self.layers.iter().zip(heads) {
            if cancelled() {
                return Err(Stopped::Cancelled);
            }
            layer.run(&self.shape, &rotations, heads, &mut numbers);
        }
        Ok(numbers)
    }
}

/// Scales each row of `weight.len()` numbers to a mean square of one, then by `weight` (Zhang and Sennrich, 2019).
fn normalise(rows: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows.chunks_exact(weight.len()) {
        let square = sum_of_squares(row);
        let scale = 1.0 / (square / row.len() as f32 + epsilon).sqrt();
        out.extend(
            row.iter()
                .zip(weight)
                .map(|(number, weight)| number * scale * weight),
        );
    }
    out
}
