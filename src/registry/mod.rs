//! The distribution protocol (OCI distribution spec 1.1): a registry as one more store, and a layout as a registry.
//!
//! The only code with a network.

mod api_error;
mod auth;
mod catalog;
pub mod client;
mod credential_helper;
pub mod credentials;
mod download;
mod fault;
mod listener;
pub mod repository;
pub mod server;
mod tls;
mod upload;
mod url;
