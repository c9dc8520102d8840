//! The store contract, its adapter to the graph and the conformance cases of every store.
