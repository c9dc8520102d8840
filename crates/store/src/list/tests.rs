//! Rules of lists, and the two bounds: reading and what is written in all.
