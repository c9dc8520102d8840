//! What makes texts comparable by their meaning.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::ModelError;

/// A model that makes vectors of texts: those of texts that mean the same point the same way.
///
/// Vectors have unit length, so the product of two, number by number and added up, is the cosine of the angle between
/// them: 1 for the same meaning, about 0 for nothing in common. Vectors of different models cannot be compared;
/// [`name`](Self::name) says which model made one.
#[async_trait]
pub trait Embedder: Send + Sync + Debug {
    /// The model's name, such as `local:minilm`: another model, or another reading of texts, has another name.
    fn name(&self) -> &str;

    /// How many numbers a vector has.
    fn dimensions(&self) -> usize;

    /// One vector for each text, in their order, each of [`dimensions`](Self::dimensions) numbers and of unit length.
    ///
    /// A text that is longer than the model's window stands for its beginning; an empty text has a vector too. The
    /// vector of a text does not depend on the texts that come with it. Dropping the future stops the work soon.
    ///
    /// # Errors
    ///
    /// Whatever kept the model from reading, see [`ModelErrorKind`](crate::ModelErrorKind); then no text has a vector.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError>;

    /// Makes the first call quick: loads weights, opens connections. Calling it is never necessary.
    ///
    /// # Errors
    ///
    /// As [`embed`](Self::embed), when the model cannot be made ready.
    async fn warm(&self) -> Result<(), ModelError> {
        Ok(())
    }
}
