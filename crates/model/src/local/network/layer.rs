//! One layer: attention to what came before, then a network that looks at each token alone.

use std::io;

use rayon::prelude::*;

use super::normalise;
use super::rope::Rotations;
use crate::local::kernel::{Attention, Kernel};
use crate::local::matrix::Matrix;
use crate::local::memory::Head;
use crate::local::shape::Shape;
use crate::local::tensors::Tensors;

/// The weights of one layer. Matrices that read the same input are one, so that it is prepared once.
pub(super) struct Layer {
    attention_norm: Vec<f32>,
    queries_keys_values: Matrix,
    biases: Option<Vec<f32>>,
    attention_out: Matrix,
    feed_norm: Vec<f32>,
    gate_and_up: Matrix,
    down: Matrix,
}

impl Layer {
    pub(super) fn load(tensors: &Tensors<'_>, shape: &Shape, index: usize) -> io::Result<Self> {
        let name = |part: &str| format!("blk.{index}.{part}");
        let width = shape.width;
        let biases = if tensors.has(&name("attn_q.bias")) {
            let mut biases = tensors.vector(&name("attn_q.bias"), shape.query_width())?;
            biases.extend(tensors.vector(&name("attn_k.bias"), shape.kv_width())?);
            biases.extend(tensors.vector(&name("attn_v.bias"), shape.kv_width())?);
            Some(biases)
        } else {
            None
        };
        let qkv = ["attn_q.weight", "attn_k.weight", "attn_v.weight"].map(name);
        let gate_and_up = tensors.matrix(&["ffn_gate.weight", "ffn_up.weight"].map(name), width)?;
        Ok(Self {
            attention_norm: tensors.vector(&name("attn_norm.weight"), width)?,
            queries_keys_values: tensors.matrix(&qkv, width)?,
            biases,
            attention_out: tensors.matrix(&[name("attn_output.weight")], shape.query_width())?,
            feed_norm: tensors.vector(&name("ffn_norm.weight"), width)?,
            down: tensors.matrix(&[name("ffn_down.weight")], gate_and_up.rows() / 2)?,
            gate_and_up,
        })
    }

    /// Runs the layer on rows of numbers, one a token; `heads` gain the tokens' keys and values.
    pub(super) fn run(
        &self,
        shape: &Shape,
        rotations: &Rotations,
        heads: &mut [Head],
        rows: &mut [f32],
    ) {
        let input = normalise(rows, &self.attention_norm, shape.epsilon);
        let mut qkv = self.queries_keys_values.multiply(&input);
        self.place(shape, rotations, heads, &mut qkv);
        let seen = attend(shape, heads, &qkv);
        add(rows, &self.attention_out.multiply(&seen));

        let input = normalise(rows, &self.feed_norm, shape.epsilon);
        let gated = gate(
            &self.gate_and_up.multiply(&input),
            self.gate_and_up.rows() / 2,
        );
        add(rows, &self.down.multiply(&gated));
    }

    /// Adds biases, turns queries and keys to their positions, and appends keys and values to the heads.
    fn place(&self, shape: &Shape, rotations: &Rotations, heads: &mut [Head], qkv: &mut [f32]) {
        let (queries, keys) = (shape.query_width(), shape.kv_width());
        for (index, row) in qkv.chunks_exact_mut(queries + 2 * keys).enumerate() {
            if let Some(biases) = &self.biases {
                add(row, biases);
            }
            rotations.turn(index, &mut row[..queries + keys]);
            let keys_and_values = row[queries..].split_at(keys);
            let keys = keys_and_values.0.chunks_exact(shape.head_size);
            let values = keys_and_values.1.chunks_exact(shape.head_size);
            for ((head, key), value) in heads.iter_mut().zip(keys).zip(values) {
                head.keys.extend_from_slice(key);
                head.values.extend_from_slice(value);
            }
        }
    }
}

/// What each token sees: each looks back on everything up to itself.
fn attend(shape: &Shape, heads: &[Head], qkv: &[f32]) -> Vec<f32> {
    let size = shape.head_size;
    let row = shape.query_width() + 2 * shape.kv_width();
    let tokens = qkv.len() / row;
    let known = heads[0].keys.len() / size - tokens;
    let shared = shape.query_width() / shape.kv_heads;
    let kernel = Kernel::best();
    let mut out = vec![0.0; tokens * shape.query_width()];
    out.par_chunks_mut(shared)
        .enumerate()
        .for_each_init(Vec::new, |weights, (index, out)| {
            let (token, head) = (index / shape.kv_heads, index % shape.kv_heads);
            let visible = (known + token + 1) * size;
            kernel.attend(&mut Attention {
                queries: &qkv[token * row + head * shared..][..shared],
                keys: &heads[head].keys[..visible],
                values: &heads[head].values[..visible],
                head_size: size,
                weights,
                out,
            });
        });
    out
}

/// Each row's gates and gated numbers as half as many numbers.
fn gate(rows: &[f32], half: usize) -> Vec<f32> {
    let kernel = Kernel::best();
    let mut out = vec![0.0; rows.len() / 2];
    rows.par_chunks(2 * half)
        .zip(out.par_chunks_mut(half))
        .for_each(|(row, out)| kernel.gate(row, out));
    out
}

fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
