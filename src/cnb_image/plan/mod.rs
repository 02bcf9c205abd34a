//! What will be written, as plain data: `--dry-run` prints it, tests look at it, operations carry it out.

pub mod builder;
mod builder_checks;
pub(in crate::cnb_image) mod builder_footing;
mod builder_layers;
mod builder_metadata;
mod builder_modules;
mod builder_order;
mod checks;
mod machine;
pub mod member;
mod offers;
pub mod package;
mod resolve;
mod targets;
