//! Offline packaging of Cloud Native Buildpacks.
pub mod archive;
pub mod cnb;
pub mod cnb_image;
pub mod error;
pub mod oci;
pub mod operations;
pub mod progress;
