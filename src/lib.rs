//! Offline packaging of Cloud Native Buildpacks.
pub mod archive;
pub mod cnb;
pub mod error;
pub mod oci;
pub mod progress;
