//! Access lists: named tests on samples, and the conditions (`if`, `unless`) made of them.
