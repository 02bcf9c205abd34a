//! What the tool does, one file for each: a request becomes a plan, the plan is carried out, a report tells of it.

pub mod builder;
pub mod diff;
pub mod export;
pub mod gc;
pub mod inspect;
pub mod package;
pub mod pull;
pub mod push;
pub mod validate;
