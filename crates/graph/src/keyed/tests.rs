//! Placeholder, filled with the properties of the reducer.
