//! What the models do seen from outside: against servers on the loopback, and with real weights.

mod local;
mod openai;
mod stand_in;
