//! One value of a GGUF file's metadata.

/// A metadata value. Widths are forgotten; arrays of arrays are not kept.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::local) enum Value {
    /// Any integer.
    Integer(i128),
    /// Any floating-point number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(String),
    /// An array of texts.
    Texts(Vec<String>),
    /// An array of numbers.
    Numbers(Vec<f64>),
}

impl Value {
    pub(in crate::local) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    pub(in crate::local) fn as_f32(&self) -> Option<f32> {
        match self {
            Self::Float(value) => Some(*value as f32),
            _ => None,
        }
    }

    pub(in crate::local) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(in crate::local) fn as_texts(&self) -> Option<&[String]> {
        match self {
            Self::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    pub(in crate::local) fn as_numbers(&self) -> Option<&[f64]> {
        match self {
            Self::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }
}
