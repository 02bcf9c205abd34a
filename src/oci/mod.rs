//! Images at rest and in motion: descriptors, manifests, indexes, the stores that hold them, and the copy from one to another.
//!
//! Knows nothing of buildpacks.

pub mod archive_store;
pub mod copy;
pub mod descriptor;
pub mod digest;
mod docker_archive;
pub mod docker_save;
pub mod graph;
pub mod image;
pub mod image_file;
pub mod index;
pub mod json;
pub mod layer;
pub mod layout;
pub mod library;
pub mod locate;
pub mod oci_form;
pub mod opened;
pub mod plain_layer;
pub mod platform;
pub mod reference;
pub mod referrers;
pub mod rootfs;
pub mod store;
