//! Tests of the command line tool from the outside: they run the binary and look at what it wrote.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "a test fails by a panic, and says on stderr what it could not run"
)]

mod golden;
mod reproducible;
mod reuse;
mod support;
