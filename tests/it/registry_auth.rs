//! Who asks a registry, and over what: credentials and where they come from, tokens, TLS, proxies, and that secrets stay secret.

mod certificates;
mod docker_registry;
mod fake_registry;
mod helpers;
mod http;
mod lab;
mod order;
mod proxied;
mod proxy;
mod redirects;
mod secrets;
mod sources;
mod tls;
mod tokens;
