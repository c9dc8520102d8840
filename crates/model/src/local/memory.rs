//! What a network remembers of the tokens it has read: their keys and values in every layer.

/// The keys and values of a sequence of tokens.
///
/// It belongs to exactly these tokens in this order; any beginning of it belongs to the beginning of them,
/// which is why conversations that begin alike can share the reading.
pub(super) struct Memory {
    tokens: Vec<u32>,
    heads: Vec<Head>,
    head_size: usize,
}

/// Keys and values of one head in one layer, position after position.
#[derive(Clone, Default)]
pub(super) struct Head {
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

impl Memory {
    /// An empty memory with `heads` heads in all layers together.
    pub(super) fn new(heads: usize, head_size: usize) -> Self {
        Self {
            tokens: Vec::new(),
            heads: vec![Head::default(); heads],
            head_size,
        }
    }

    /// The tokens that were read.
    pub(super) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The heads, layer after layer.
    #[cfg(test)]
    pub(super) fn heads(&self) -> &[Head] {
        &self.heads
    }

    pub(super) fn heads_mut(&mut self) -> &mut [Head] {
        &mut self.heads
    }

    /// Says that every head has the keys and values of these tokens now.
    pub(super) fn confirm(&mut self, tokens: &[u32]) {
        self.tokens.extend_from_slice(tokens);
        let numbers = self.tokens.len() * self.head_size;
        let whole = |head: &Head| head.keys.len() == numbers && head.values.len() == numbers;
        assert!(self.heads.iter().all(whole), "every head has read them");
    }

    /// Forgets all but the first `length` tokens, and whatever was not confirmed.
    pub(super) fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
        let numbers = self.tokens.len() * self.head_size;
        for head in &mut self.heads {
            head.keys.truncate(numbers);
            head.values.truncate(numbers);
        }
    }

    /// A memory of the first `length` tokens alone.
    pub(super) fn beginning(&self, length: usize) -> Self {
        let numbers = length * self.head_size;
        let heads = self.heads.iter().map(|head| Head {
            keys: head.keys[..numbers].to_vec(),
            values: head.values[..numbers].to_vec(),
        });
        Self {
            tokens: self.tokens[..length].to_vec(),
            heads: heads.collect(),
            head_size: self.head_size,
        }
    }

    /// Bytes that the memory takes.
    pub(super) fn size_bytes(&self) -> usize {
        let numbers = |head: &Head| head.keys.capacity() + head.values.capacity();
        self.heads.iter().map(numbers).sum::<usize>() * size_of::<f32>()
    }

    /// Gives back room that was taken for more tokens to come.
    pub(super) fn shrink(&mut self) {
        for head in &mut self.heads {
            head.keys.shrink_to_fit();
            head.values.shrink_to_fit();
        }
    }
}
