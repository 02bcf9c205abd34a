//! Whom to trust, and who we are.

use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::client::{GivenFile, Settings};
use crate::error::{Error, ErrorKind, Result};

/// What TLS connections rest on; without `verify` any certificate is taken.
pub(super) fn config(settings: &Settings, verify: bool) -> Result<TlsConfig> {
    let mut builder = TlsConfig::builder()
        .disable_verification(!verify)
        .client_cert(identity(settings)?)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    if verify {
        builder = builder.root_certs(RootCerts::new_with_certs(&roots(settings)?));
    }
    Ok(builder.build())
}

/// The system's certificates and those of `--ca-file`.
fn roots(settings: &Settings) -> Result<Vec<Certificate<'static>>> {
    let system = rustls_native_certs::load_native_certs();
    let mut roots: Vec<_> = system
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    for file in &settings.ca_files {
        let certificates = certificates(file)?;
        if certificates.is_empty() {
            return Err(
                Error::invalid(format!("`{}` holds no certificate", file.path.display()))
                    .with_hint("give a file in PEM, with `-----BEGIN CERTIFICATE-----`"),
            );
        }
        roots.extend(certificates);
    }
    if roots.is_empty() {
        return Err(Error::new(
            ErrorKind::NotFound,
            "no certificates that this system trusts were found",
        )
        .with_hint("install ca-certificates, or give --ca-file"));
    }
    Ok(roots)
}

fn identity(settings: &Settings) -> Result<Option<ClientCert>> {
    let Some((certificate, key)) = &settings.identity else {
        return Ok(None);
    };
    let chain = certificates(certificate)?;
    if chain.is_empty() {
        return Err(Error::invalid(format!(
            "`{}` holds no certificate in PEM",
            certificate.path.display()
        )));
    }
    let key = PrivateKey::from_pem(&key.content)
        .map_err(|_| Error::invalid(format!("`{}` holds no private key in PEM", key.path.display())))?;
    Ok(Some(ClientCert::new_with_certs(&chain, key)))
}

fn certificates(file: &GivenFile) -> Result<Vec<Certificate<'static>>> {
    let mut found = Vec::new();
    for item in parse_pem(&file.content) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(_) => {
                return Err(Error::invalid(format!(
                    "`{}` is not the PEM it should be",
                    file.path.display()
                )));
            }
        }
    }
    Ok(found)
}
