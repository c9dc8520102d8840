//! Chatbot memory that lasts: the library facade and the binary.
