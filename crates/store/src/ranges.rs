//! Sequence numbers in the order of a list, kept as ranges: what a long list costs at rest is its breaks, not its
//! length.

use std::fmt;
use std::ops::Range;

/// Numbers in the order of a list, as inclusive ranges; written `1-14,17,20-21`.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Ranges {
    ranges: Vec<(u64, u64)>,
}

/// One edit of a list: at this position, so many numbers leave and these come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Position in the list before any edit.
    pub at: u64,
    /// How many numbers leave from there on.
    pub remove: u64,
    /// What comes in their place.
    pub insert: Ranges,
}

impl Ranges {
    /// One range, from the first number up to but not including the end.
    #[must_use]
    pub fn of(range: Range<u64>) -> Self {
        let mut ranges = Self::default();
        if !range.is_empty() {
            ranges.push(range.start, range.end - 1);
        }
        ranges
    }

    /// Reads the written form; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut ranges = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            if first > last {
                return None;
            }
            ranges.push(first, last);
        }
        Some(ranges)
    }

    /// Adds the numbers `first..=last` at the end.
    pub fn push(&mut self, first: u64, last: u64) {
        debug_assert!(first <= last, "a range is written from low to high");
        match self.ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(first) => *end = last,
            _ => self.ranges.push((first, last)),
        }
    }

    /// Adds all numbers of another list at the end.
    pub fn extend(&mut self, other: &Self) {
        for &(first, last) in &other.ranges {
            self.push(first, last);
        }
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ranges
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The inclusive ranges, in order.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// The numbers, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.ranges.iter().flat_map(|&(first, last)| first..=last)
    }

    /// Whether a number is among them.
    #[must_use]
    pub fn contains(&self, seq: u64) -> bool {
        self.ranges
            .iter()
            .any(|&(first, last)| first <= seq && seq <= last)
    }

    /// Whether all of these are among them; only for ranges that ascend.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        other.ranges.iter().all(|&(first, last)| {
            let after = self.ranges.partition_point(|&(start, _)| start <= first);
            after
                .checked_sub(1)
                .is_some_and(|at| last <= self.ranges[at].1)
        })
    }

    /// The number at a position.
    #[must_use]
    pub fn get(&self, position: u64) -> Option<u64> {
        let mut skipped = 0;
        for &(first, last) in &self.ranges {
            let len = last - first + 1;
            if position < skipped + len {
                return Some(first + (position - skipped));
            }
            skipped += len;
        }
        None
    }

    /// The newest numbers (those at the end), at most `limit`, below `before`, still in the order of the list.
    #[must_use]
    pub fn newest(&self, before: Option<u64>, limit: Option<usize>) -> Self {
        let mut taken: Vec<u64> = self
            .iter()
            .rev()
            .filter(|seq| before.is_none_or(|before| *seq < before))
            .take(limit.unwrap_or(usize::MAX))
            .collect();
        taken.reverse();
        let mut ranges = Self::default();
        for seq in taken {
            ranges.push(seq, seq);
        }
        ranges
    }

    /// The list after edits, which are ascending and do not overlap; `None` when they do not fit.
    #[must_use]
    pub fn splice(&self, edits: &[Splice]) -> Option<Self> {
        let mut out = Self::default();
        let mut reader = Reader::new(&self.ranges);
        for edit in edits {
            let keep = edit.at.checked_sub(reader.position)?;
            reader.take(keep, Some(&mut out))?;
            reader.take(edit.remove, None)?;
            out.extend(&edit.insert);
        }
        reader.rest(&mut out);
        Some(out)
    }
}

/// Walks over ranges by position.
struct Reader<'a> {
    ranges: std::slice::Iter<'a, (u64, u64)>,
    current: Option<(u64, u64)>,
    position: u64,
}

impl<'a> Reader<'a> {
    fn new(ranges: &'a [(u64, u64)]) -> Self {
        let mut ranges = ranges.iter();
        let current = ranges.next().copied();
        Self {
            ranges,
            current,
            position: 0,
        }
    }

    fn take(&mut self, mut count: u64, mut out: Option<&mut Ranges>) -> Option<()> {
        self.position += count;
        while count > 0 {
            let (first, last) = self.current?;
            let len = (last - first + 1).min(count);
            if let Some(out) = out.as_deref_mut() {
                out.push(first, first + len - 1);
            }
            count -= len;
            self.current = if first + len > last {
                self.ranges.next().copied()
            } else {
                Some((first + len, last))
            };
        }
        Some(())
    }

    fn rest(mut self, out: &mut Ranges) {
        while let Some((first, last)) = self.current {
            out.push(first, last);
            self.current = self.ranges.next().copied();
        }
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

impl FromIterator<u64> for Ranges {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut ranges = Self::default();
        for number in numbers {
            ranges.push(number, number);
        }
        ranges
    }
}
