//! The measures of a network, as its GGUF file states them.

use std::io;

use super::gguf::{Gguf, damaged};

/// The measures of a network of the Llama family.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Layers, one after the other.
    pub(super) layers: usize,
    /// Numbers that stand for a token between layers.
    pub(super) width: usize,
    /// Query heads.
    pub(super) heads: usize,
    /// Key and value heads; each serves `heads / kv_heads` query heads.
    pub(super) kv_heads: usize,
    /// Numbers in a head.
    pub(super) head_size: usize,
    /// Tokens that the network was made for: its window.
    pub(super) window: usize,
    /// Where rotations of positions begin.
    pub(super) rope_base: f32,
    /// Which numbers of a head a rotation pairs.
    pub(super) rope_pairs: RopePairs,
    /// What keeps a norm from dividing by nothing.
    pub(super) epsilon: f32,
}

/// Which numbers of a head turn together as the position grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RopePairs {
    /// Neighbours (files of the architecture `llama`, whose converter reorders the rows so).
    Neighbours,
    /// The `i`-th of the first half with the `i`-th of the second (`qwen2`).
    Halves,
}

impl Shape {
    /// Reads the measures, and refuses a network that this code would compute wrongly.
    pub(super) fn read(gguf: &Gguf) -> io::Result<Self> {
        let architecture = gguf.text("general.architecture")?;
        let rope_pairs = match architecture {
            "llama" => RopePairs::Neighbours,
            "qwen2" => RopePairs::Halves,
            other => {
                return Err(damaged(&format!(
                    "networks of type `{other}` are not supported"
                )));
            }
        };
        let count = |key: &str| gguf.count(&format!("{architecture}.{key}"));
        let number = |key: &str| {
            let value = gguf.get(&format!("{architecture}.{key}"))?;
            value
                .as_f32()
                .ok_or_else(|| damaged(&format!("`{key}` is not a number")))
        };
        if gguf
            .get(&format!("{architecture}.rope.scaling.type"))
            .is_ok()
        {
            return Err(damaged("scaled rotations are not supported"));
        }
        let heads = count("attention.head_count")?;
        let shape = Self {
            layers: count("block_count")?,
            width: count("embedding_length")?,
            heads,
            kv_heads: count("attention.head_count_kv").unwrap_or(heads),
            head_size: count("embedding_length")? / heads.max(1),
            window: count("context_length")?,
            rope_base: number("rope.freq_base")?,
            rope_pairs,
            epsilon: number("attention.layer_norm_rms_epsilon")?,
        };
        let rotated = count("rope.dimension_count").unwrap_or(shape.head_size);
        let whole = shape.heads * shape.head_size == shape.width
            && shape.width > 0
            && shape.kv_heads > 0
            && shape.heads.is_multiple_of(shape.kv_heads)
            && shape.head_size.is_multiple_of(2)
            && rotated == shape.head_size
            && shape.layers > 0
            && shape.window > 0;
        if !whole {
            return Err(damaged("the network's measures do not fit together"));
        }
        Ok(shape)
    }

    /// Numbers in all query heads of a token.
    pub(super) fn query_width(&self) -> usize {
        self.heads * self.head_size
    }

    /// Numbers in all key heads of a token, and as many in the value heads.
    pub(super) fn kv_width(&self) -> usize {
        self.kv_heads * self.head_size
    }
}
