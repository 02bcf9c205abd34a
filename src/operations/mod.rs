//! What the tool does, one file for each: a request becomes a plan, the plan is carried out, a report tells of it.

pub mod builder;
pub mod compat;
pub mod copy;
pub mod diff;
pub mod export;
pub mod gc;
pub mod import;
pub mod index;
pub mod inspect;
pub mod ls;
pub mod migrate;
pub mod new;
pub mod package;
pub mod pull;
pub mod push;
pub mod rm;
pub mod tag;
pub mod validate;
