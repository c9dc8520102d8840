//! One layer: each token looks at all tokens of its text, then a network looks at each token alone.

use std::io;

use rayon::prelude::*;

use super::linear::Linear;
use super::network::{FEED_WIDTH, HEADS, WIDTH};
use super::norm::Norm;
use crate::local::kernel::{Kernel, MUTUAL_HEAD_SIZE as HEAD_SIZE, Mutual};
use crate::local::tensors::Tensors;

const _: () = assert!(HEADS * HEAD_SIZE == WIDTH, "heads share the width");

/// Numbers of a token's query, key and value together.
const QKV_WIDTH: usize = 3 * WIDTH;

/// The weights of one layer.
pub(super) struct Layer {
    queries_keys_values: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    feed_norm: Norm,
}

impl Layer {
    pub(super) fn load(tensors: &Tensors<'_>, index: usize) -> io::Result<Self> {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let linear =
            |part: &str, columns, rows| Linear::load(tensors, &[name(part)], columns, rows);
        let qkv = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        let norm = |part: &str| Norm::load(tensors, &name(part), WIDTH);
        Ok(Self {
            queries_keys_values: Linear::load(tensors, &qkv, WIDTH, WIDTH)?,
            attention_out: linear("attention.output.dense", WIDTH, WIDTH)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: linear("intermediate.dense", WIDTH, FEED_WIDTH)?,
            down: linear("output.dense", FEED_WIDTH, WIDTH)?,
            feed_norm: norm("output.LayerNorm")?,
        })
    }

    /// Runs the layer on rows of numbers, one a token; texts of `lengths` tokens follow one another.
    pub(super) fn run(&self, lengths: &[usize], rows: &mut [f32]) {
        // A norm leaves a few numbers much larger than the rest; on the other two inputs, care changes nothing.
        let seen = attend(lengths, &self.queries_keys_values.apply_fine(rows));
        self.attention_norm
            .apply_to_sum(rows, &self.attention_out.apply(&seen));
        let mut wide = self.up.apply_fine(rows);
        let kernel = Kernel::best();
        wide.par_chunks_mut(FEED_WIDTH)
            .for_each(|row| kernel.gelu(row));
        self.feed_norm.apply_to_sum(rows, &self.down.apply(&wide));
    }
}

/// What one head of all tokens of one text sees.
struct Look<'a> {
    /// Queries, keys and values of the text's tokens.
    qkv: &'a [f32],
    head: usize,
    /// A place for each token of the text.
    out: &'a mut [[f32; HEAD_SIZE]],
}

impl Look<'_> {
    fn run(&mut self, attention: &mut Mutual) {
        attention.clear();
        for token in self.qkv.as_chunks::<HEAD_SIZE>().0.chunks_exact(3 * HEADS) {
            let part = |part: usize| &token[part * HEADS + self.head];
            attention.add(part(0), part(1), part(2));
        }
        Kernel::best().attend_mutually(attention, self.out);
    }
}

/// What each token sees of its text, through all heads.
fn attend(lengths: &[usize], qkv: &[f32]) -> Vec<f32> {
    let tokens: usize = lengths.iter().sum();
    let mut by_head = vec![0.0; tokens * WIDTH];
    let mut looks = Vec::with_capacity(lengths.len() * HEADS);
    let (mut left, mut rest) = (qkv, by_head.as_chunks_mut().0);
    for &length in lengths {
        let (text, others) = left.split_at(length * QKV_WIDTH);
        left = others;
        for head in 0..HEADS {
            let (out, others) = rest.split_at_mut(length);
            rest = others;
            looks.push(Look {
                qkv: text,
                head,
                out,
            });
        }
    }
    looks
        .par_iter_mut()
        .for_each_init(Mutual::default, |attention, look| look.run(attention));
    by_token(lengths, &by_head)
}

/// Turns numbers that lie head after head within each text into rows, one a token.
fn by_token(lengths: &[usize], by_head: &[f32]) -> Vec<f32> {
    let mut rows = vec![0.0; by_head.len()];
    let mut from = 0;
    for &length in lengths {
        let text = from..from + length * WIDTH;
        let heads = by_head[text.clone()].chunks_exact(length * HEAD_SIZE);
        for (head, numbers) in heads.enumerate() {
            let tokens = rows[text.clone()].chunks_exact_mut(WIDTH);
            for (row, numbers) in tokens.zip(numbers.chunks_exact(HEAD_SIZE)) {
                row[head * HEAD_SIZE..][..HEAD_SIZE].copy_from_slice(numbers);
            }
        }
        from = text.end;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_sees_its_own_text_and_no_other() {
        // Queries of zero look at all alike, so that each head sees the mean of its values.
        let lengths = [2, 1];
        let mut qkv = vec![0.0; 3 * QKV_WIDTH];
        for (token, row) in qkv.chunks_exact_mut(QKV_WIDTH).enumerate() {
            for (at, number) in row[2 * WIDTH..].iter_mut().enumerate() {
                *number = (token * 1000 + at) as f32;
            }
        }
        let seen = attend(&lengths, &qkv);
        for at in 0..WIDTH {
            let column = [seen[at], seen[WIDTH + at], seen[2 * WIDTH + at]];
            let at = at as f32;
            assert_eq!(column, [500.0 + at, 500.0 + at, 2000.0 + at]);
        }
    }
}
