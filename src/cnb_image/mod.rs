//! Where buildpacks and images meet: from a module's files to the layers, labels and images of a package.

pub mod base_image;
pub mod build_user;
pub mod builder_image;
pub mod builder_view;
pub mod buildpackage;
pub mod cnb_diff;
pub mod dependency;
pub mod gather;
pub mod image_kind;
pub mod index_inputs;
pub mod label_check;
pub mod labels_below;
pub mod layer_tar;
pub mod lifecycle_shelf;
pub mod lifecycle_source;
mod links;
pub mod module_layer;
pub mod module_source;
pub mod package_file;
pub mod package_view;
pub mod packaged_image;
pub mod packaged_layer;
pub mod plan;
pub mod platform_folder;
pub mod target_files;
pub mod view;
pub mod written;
