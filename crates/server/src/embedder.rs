//! What makes texts comparable by their meaning.

use std::error::Error;

use async_trait::async_trait;

/// Makes vectors of texts: those of texts that mean the same lie close together.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// One vector for each text, in their order, all of the same length.
    ///
    /// # Errors
    /// When the texts cannot be read just now.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error + Send + Sync>>;
}

/// How like two vectors are: the cosine of the angle between them, 0 where one says nothing.
pub(crate) fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 {
        dot(a, b) / lengths
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_a_cosine() {
        assert!((likeness(&[1.0, 1.0], &[2.0, 2.0]) - 1.0).abs() < 1e-6);
        assert!(likeness(&[1.0, 0.0], &[0.0, 1.0]).abs() < 1e-6);
        assert!(likeness(&[0.0], &[1.0]).abs() < 1e-6);
    }
}
