//! Files on one side, the same bytes every time on the other: trees, tar, zip, compression.
//!
//! Knows nothing of images or buildpacks.

pub mod archive_tree;
pub mod compress;
pub mod entry;
pub mod executable;
pub mod file_tree;
pub(crate) mod hashing;
pub(crate) mod limit;
pub mod new_files;
pub mod new_folder;
pub mod span;
pub mod tar_read;
pub mod tar_write;
pub(crate) mod temporary;
pub mod timestamp;
pub mod unpack;
mod zip_read;
