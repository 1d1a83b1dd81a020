//! What a health check says to a server and how it reads the answer: one file per kind, bytes in, verdict out.
