//! Reads tensors of a file of weights into the forms in which the network uses them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::blocks::BlockFormat;
use super::gguf::damaged;
use super::kernel::BLOCK_COLUMNS;
use super::matrix::Matrix;

/// Where a tensor lies in the file, and its shape.
#[derive(Clone, Debug)]
pub(super) struct TensorInfo {
    /// How its numbers are stored.
    pub(super) format: BlockFormat,
    /// Numbers in a row.
    pub(super) columns: usize,
    /// Rows; 1 for a vector.
    pub(super) rows: usize,
    /// Position of its first byte in the file.
    pub(super) offset: u64,
}

impl TensorInfo {
    /// Bytes of one row.
    pub(super) fn row_bytes(&self) -> usize {
        self.columns / self.format.block_len() * self.format.block_bytes()
    }
}

/// The tensors of one file.
pub(super) struct Tensors<'a> {
    infos: &'a HashMap<String, TensorInfo>,
    file: File,
}

impl<'a> Tensors<'a> {
    /// The tensors that lie in the file at `path` where `infos` says.
    pub(super) fn open(path: &Path, infos: &'a HashMap<String, TensorInfo>) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { infos, file })
    }

    /// Whether the file has the tensor `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.infos.contains_key(name)
    }

    fn info(&self, name: &str) -> io::Result<&'a TensorInfo> {
        self.infos
            .get(name)
            .ok_or_else(|| damaged(&format!("tensor `{name}` is missing")))
    }

    fn bytes(&self, info: &TensorInfo) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; info.row_bytes() * info.rows];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(info.offset))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A vector of `length` numbers.
    pub(super) fn vector(&self, name: &str, length: usize) -> io::Result<Vec<f32>> {
        let info = self.info(name)?;
        if info.rows != 1 || info.columns != length {
            return Err(damaged(&format!("tensor `{name}` has the wrong shape")));
        }
        let mut out = Vec::with_capacity(length);
        info.format.decode(&self.bytes(info)?, &mut out);
        Ok(out)
    }

    /// One matrix of the rows of all the tensors `names`, which have `columns` columns each.
    pub(super) fn matrix(&self, names: &[String], columns: usize) -> io::Result<Matrix> {
        let mut parts = Vec::new();
        let mut rows = 0;
        for name in names {
            let info = self.info(name)?;
            if info.columns != columns || !columns.is_multiple_of(BLOCK_COLUMNS) {
                return Err(damaged(&format!("tensor `{name}` has the wrong shape")));
            }
            parts.push((rows, info, self.bytes(info)?));
            rows += info.rows;
        }
        Matrix::build(rows, columns, |row, out| {
            let part = parts.partition_point(|(first, ..)| *first <= row) - 1;
            let (first, info, bytes) = &parts[part];
            let size = info.row_bytes();
            info.format
                .decode(&bytes[(row - first) * size..][..size], out);
            Ok(())
        })
    }

    /// The rows of `name`, read from the file when they are asked for.
    pub(super) fn rows(&self, name: &str, columns: usize) -> io::Result<FileRows> {
        let info = self.info(name)?;
        if info.columns != columns {
            return Err(damaged(&format!("tensor `{name}` has the wrong shape")));
        }
        Ok(FileRows {
            info: info.clone(),
            file: Mutex::new(self.file.try_clone()?),
        })
    }
}

/// A tensor of which few rows are needed: it stays in the file. (An embedding of 150,000 tokens would take
/// 100 MB of memory, and a turn looks up a few hundred.)
pub(super) struct FileRows {
    info: TensorInfo,
    file: Mutex<File>,
}

impl FileRows {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.info.rows
    }

    /// Appends the numbers of row `index`, which is below [`len`](Self::len).
    pub(super) fn read(&self, index: usize, out: &mut Vec<f32>) -> io::Result<()> {
        let mut bytes = vec![0; self.info.row_bytes()];
        let offset = self.info.offset + (index * bytes.len()) as u64;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)?;
        drop(file);
        self.info.format.decode(&bytes, out);
        Ok(())
    }
}
