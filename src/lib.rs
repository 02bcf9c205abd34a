//! Offline packaging of Cloud Native Buildpacks.
pub mod archive;
pub mod error;
pub mod progress;
