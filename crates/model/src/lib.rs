//! Chat models behind one trait: OpenAI-compatible, local, scripted.
