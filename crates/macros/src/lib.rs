//! The derive macro for the state of a conversation graph.
