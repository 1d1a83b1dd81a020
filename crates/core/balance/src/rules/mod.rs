//! Rules of `tcp-request`, `http-request` and their like: one file per family of actions.
