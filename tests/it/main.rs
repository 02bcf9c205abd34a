//! Tests of the command line tool from the outside: they run the binary and look at what it wrote.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by a panic, and says on stderr what it could not run"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the doors are the library's; tests look from outside"
)]
#![allow(clippy::format_push_string, reason = "messages of tests need not be fast")]

mod airpack_image;
mod architecture;
mod builder_create;
mod buildpack_migrate;
mod buildpack_new;
mod buildpack_package_errors;
mod buildpack_package_layout;
mod buildpack_package_options;
mod buildpack_package_sources;
mod buildpack_package_targets;
mod cnb_files;
mod compat;
mod composite;
mod concurrent;
mod diff;
mod extension_package;
mod golden;
mod help;
mod hostile_layouts;
mod index_create;
mod index_edit;
mod inspect;
mod interop;
mod layout_check;
mod layout_copy;
mod layout_export;
mod layout_gc;
mod layout_import;
mod layout_ls;
mod layout_rm;
mod layout_tag;
mod layout_validate;
mod pages;
mod properties;
mod pull;
mod push;
mod push_archives;
mod readme;
mod registry_auth;
mod registry_faults;
mod reproducible;
mod reuse;
mod serve;
mod support;
mod wrong_usage;
