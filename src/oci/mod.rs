//! Images at rest and in motion: descriptors, manifests, indexes, the stores that hold them, and the copy from one to another.
//!
//! Knows nothing of buildpacks.

pub mod archive_store;
pub mod check;
pub mod copy;
pub mod descriptor;
pub mod digest;
mod docker_archive;
pub mod docker_save;
pub mod graph;
pub mod image;
pub mod image_diff;
pub mod image_file;
pub mod index;
pub mod json;
pub mod json_diff;
pub mod layer;
pub mod layer_diff;
pub mod layout;
pub mod library;
pub mod locate;
pub mod members;
pub mod oci_form;
pub mod opened;
pub mod plain_layer;
pub mod platform;
pub mod reference;
pub mod referrers;
pub mod rootfs;
mod sequence;
pub mod store;
mod watched;
