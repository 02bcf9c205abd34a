//! Whom to trust, and who we are.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::client::{GivenFile, Settings};
use crate::error::{Error, ErrorKind, Result};

/// What TLS connections rest on; without `verify` any certificate is taken.
///
/// `shows_identity` is for registries: no other host gets to see our certificate.
pub(super) fn config(settings: &Settings, verify: bool, shows_identity: bool) -> Result<TlsConfig> {
    let identity = if shows_identity { identity(settings)? } else { None };
    let mut builder = TlsConfig::builder()
        .disable_verification(!verify)
        .client_cert(identity)
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
        for certificate in &certificates {
            // ureq leaves out what it can not read
            let read = RootCertStore::empty().add(CertificateDer::from(certificate.der().to_vec()));
            read.map_err(|cause| {
                Error::invalid(format!(
                    "`{}` holds a certificate that can not be read",
                    file.path.display()
                ))
                .with_source(cause)
            })?;
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
    let pem = key;
    let key = PrivateKey::from_pem(&pem.content)
        .map_err(|_| Error::invalid(format!("`{}` holds no private key in PEM", pem.path.display())))?;
    // ureq takes for granted that both fit
    let der = PrivateKeyDer::from_pem_slice(&pem.content)
        .map_err(|_| Error::invalid(format!("`{}` holds no private key in PEM", pem.path.display())))?;
    let ders = chain
        .iter()
        .map(|one| CertificateDer::from(one.der().to_vec()))
        .collect();
    CertifiedKey::from_der(ders, der, &rustls::crypto::ring::default_provider()).map_err(|cause| {
        let (certificate, key) = (certificate.path.display(), pem.path.display());
        Error::invalid(format!(
            "the key in `{key}` is not that of the certificate in `{certificate}`, or of an unknown kind"
        ))
        .with_source(cause)
    })?;
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
