//! Keeps the memories of recent prompts, so that the next turn of a conversation reads only what is new.

use super::memory::Memory;

/// Memories of recent prompts, newest last, within a bound of bytes.
pub(super) struct Recall {
    memories: Vec<Memory>,
    limit_bytes: usize,
}

impl Recall {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self {
            memories: Vec::new(),
            limit_bytes,
        }
    }

    /// The memory of the longest known beginning of `prompt`, without its last token (which has to be read, since
    /// its result is what generation starts from).
    ///
    /// A memory that the prompt goes on from is handed out; of one that parts from the prompt, a copy of the
    /// common beginning is, for the other conversation may go on too.
    pub(super) fn take(&mut self, prompt: &[u32]) -> Option<Memory> {
        let usable = prompt.len().checked_sub(1)?;
        let common = |memory: &Memory| {
            let pairs = memory.tokens().iter().zip(&prompt[..usable]);
            pairs.take_while(|(a, b)| a == b).count()
        };
        let best = (0..self.memories.len()).max_by_key(|&at| common(&self.memories[at]))?;
        let length = common(&self.memories[best]);
        if length == 0 {
            return None;
        }
        if length == self.memories[best].tokens().len() {
            return Some(self.memories.remove(best));
        }
        let copy = self.memories[best].beginning(length);
        let used = self.memories.remove(best);
        self.memories.push(used);
        Some(copy)
    }

    /// Keeps a memory; the oldest go when there is no room.
    pub(super) fn keep(&mut self, mut memory: Memory) {
        memory.shrink();
        // What begins the new memory is in it.
        self.memories
            .retain(|old| !memory.tokens().starts_with(old.tokens()));
        self.memories.push(memory);
        while self.size_bytes() > self.limit_bytes && !self.memories.is_empty() {
            self.memories.remove(0);
        }
    }

    fn size_bytes(&self) -> usize {
        self.memories.iter().map(Memory::size_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(tokens: &[u32]) -> Memory {
        let mut memory = Memory::new(1, 2);
        memory.heads_mut()[0].keys = tokens.iter().flat_map(|&t| [t as f32; 2]).collect();
        memory.heads_mut()[0].values = memory.heads()[0].keys.clone();
        memory.confirm(tokens);
        memory
    }

    #[test]
    fn a_conversation_goes_on_where_it_stopped() {
        let mut recall = Recall::new(1 << 20);
        recall.keep(memory(&[1, 2, 3]));
        assert_eq!(recall.take(&[1, 2, 3, 4, 5]).unwrap().tokens(), [1, 2, 3]);
        assert!(recall.take(&[1, 2, 3, 4, 5]).is_none());
    }

    #[test]
    fn a_fork_copies_the_common_beginning() {
        let mut recall = Recall::new(1 << 20);
        recall.keep(memory(&[1, 2, 3]));
        let fork = recall.take(&[1, 2, 9, 9]).unwrap();
        assert_eq!(fork.tokens(), [1, 2]);
        assert_eq!(fork.heads()[0].keys, [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(recall.take(&[1, 2, 3, 4]).unwrap().tokens(), [1, 2, 3]);
    }

    #[test]
    fn the_last_token_is_read_again() {
        let mut recall = Recall::new(1 << 20);
        recall.keep(memory(&[1, 2, 3]));
        assert_eq!(recall.take(&[1, 2, 3]).unwrap().tokens(), [1, 2]);
        assert!(recall.take(&[]).is_none());
    }

    #[test]
    fn the_oldest_go_first() {
        let mut recall = Recall::new(64);
        recall.keep(memory(&[1, 2]));
        recall.keep(memory(&[3, 4]));
        recall.keep(memory(&[5, 6]));
        assert!(recall.take(&[1, 2, 0]).is_none());
        assert!(recall.take(&[3, 4, 0]).is_some());
    }
}
