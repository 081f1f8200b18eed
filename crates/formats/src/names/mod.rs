//! From the names of other formats to the official ones.
