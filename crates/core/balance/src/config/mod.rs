//! HAProxy's configuration language: text in, `Config` or problems with file and line out.
