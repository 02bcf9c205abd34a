//! What will be written, as plain data: `--dry-run` prints it, tests look at it, operations carry it out.

pub mod member;
pub mod package;
mod resolve;
