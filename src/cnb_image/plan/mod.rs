//! What will be written, as plain data: `--dry-run` prints it, tests look at it, operations carry it out.

mod checks;
pub mod member;
mod offers;
pub mod package;
mod resolve;
