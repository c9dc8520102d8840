//! The arithmetic that everything else waits for, once per kind of processor.
//!
//! A matrix is stored in groups of sixteen rows (see [`Lane`]), so that one instruction of AVX-512 VNNI
//! multiplies four columns of sixteen rows with four numbers of a token. The same layout serves AVX2 and the
//! portable code, which every other processor runs. The choice is made once, at run time.

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod gelu;
mod mutual;
mod portable;

use std::sync::OnceLock;

use super::activations::Activations;

pub(super) use attention::{Attention, sum, sum_of_squares};
pub(super) use mutual::{Mutual, SIZE as MUTUAL_HEAD_SIZE};

/// Rows that are stored and computed together.
pub(super) const GROUP_ROWS: usize = 16;

/// Columns that share a scale.
pub(super) const BLOCK_COLUMNS: usize = 32;

/// Lanes of a block: four columns each.
pub(super) const BLOCK_LANES: usize = BLOCK_COLUMNS / 4;

/// Four columns of sixteen rows: byte `4 r + c` is column `c` of row `r`, plus 128, because the instruction
/// multiplies unsigned with signed bytes.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Lane(pub(super) [u8; 64]);

/// Half-precision scales of a block, one a row.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Scales(pub(super) [u16; GROUP_ROWS]);

/// Sixteen rows of a matrix: for each block of columns eight lanes and a set of scales.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) lanes: &'a [Lane],
    pub(super) scales: &'a [Scales],
}

/// One row group's results for one token.
pub(super) type Results = [f32; GROUP_ROWS];

/// Which instructions are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Whatever the compiler makes of plain code.
    Portable,
}

impl Kernel {
    /// The fastest kernel that this processor runs.
    pub(super) fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// Every kernel that this processor runs, fastest first.
    pub(super) fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if avx512::is_available() {
                kernels.push(Self::Avx512);
            }
            if avx2::is_available() {
                kernels.push(Self::Avx2);
            }
        }
        kernels.push(Self::Portable);
        kernels
    }

    /// Multiplies a row group with every token of `activations`; `out` has a place for each token.
    #[cfg_attr(
        target_arch = "x86_64",
        expect(
            unsafe_code,
            reason = "calls code compiled for instructions whose presence `available` has checked"
        )
    )]
    pub(super) fn multiply(self, group: Group<'_>, tokens: &Activations, out: &mut [Results]) {
        assert_eq!(out.len(), tokens.len(), "a place for each token");
        assert_eq!(group.scales.len(), tokens.blocks(), "as many blocks");
        assert_eq!(group.lanes.len(), group.scales.len() * BLOCK_LANES);
        match self {
            // SAFETY: these values are only made by `available`, which looks whether the processor can.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::multiply(group, tokens, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::multiply(group, tokens, out) },
            Self::Portable => portable::multiply(group, tokens, out),
        }
    }

    /// One token's attention in the heads that share a key and a value head, see [`Attention`].
    #[cfg_attr(
        target_arch = "x86_64",
        expect(
            unsafe_code,
            reason = "calls code compiled for instructions whose presence `available` has checked"
        )
    )]
    pub(super) fn attend(self, attention: &mut Attention<'_>) {
        match self {
            // SAFETY: these values are only made by `available`, which looks whether the processor can.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::attend(attention) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::attend(attention) },
            Self::Portable => attention.run(attention::dot),
        }
    }

    /// What each token of a text sees in one head, see [`Mutual`].
    #[cfg_attr(
        target_arch = "x86_64",
        expect(
            unsafe_code,
            reason = "calls code compiled for instructions whose presence `available` has checked"
        )
    )]
    pub(super) fn attend_mutually(
        self,
        attention: &mut Mutual,
        out: &mut [[f32; MUTUAL_HEAD_SIZE]],
    ) {
        match self {
            // SAFETY: these values are only made by `available`, which looks whether the processor can.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::attend_mutually(attention, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::attend_mutually(attention, out) },
            Self::Portable => attention.run(out),
        }
    }

    /// Half as many numbers out of a row of gates and gated numbers, see [`attention::gate`].
    #[cfg_attr(
        target_arch = "x86_64",
        expect(
            unsafe_code,
            reason = "calls code compiled for instructions whose presence `available` has checked"
        )
    )]
    pub(super) fn gate(self, row: &[f32], out: &mut [f32]) {
        match self {
            // SAFETY: these values are only made by `available`, which looks whether the processor can.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::gate(row, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::gate(row, out) },
            Self::Portable => attention::gate(row, out),
        }
    }

    /// Bends each number, see [`gelu::gelu`].
    #[cfg_attr(
        target_arch = "x86_64",
        expect(
            unsafe_code,
            reason = "calls code compiled for instructions whose presence `available` has checked"
        )
    )]
    pub(super) fn gelu(self, numbers: &mut [f32]) {
        match self {
            // SAFETY: these values are only made by `available`, which looks whether the processor can.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::gelu(numbers) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::gelu(numbers) },
            Self::Portable => gelu::gelu(numbers),
        }
    }
}

#[cfg(test)]
mod tests;
