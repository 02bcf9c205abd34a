//! [`Fault`]: what went wrong on the way to a registry, and whether another try can help.

use std::io;

use crate::error::{Error, ErrorKind};

/// What is said when nothing comes any more.
pub(super) const NO_SIGN_OF_LIFE: &str = "no sign of life";

/// What is said when the other side ends while we send.
const CLOSED: &str = "the connection was closed while sending";
/// What is said when nobody listens.
pub(super) const REFUSED: &str = "connection refused";

/// A request that got no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection broke, or nothing came: the next try may go through.
    Passing(String),
    /// What came is no HTTP.
    NotHttp(String),
    /// The server speaks no TLS.
    NoTls,
    /// The server says that it speaks TLS, and was asked without.
    WantsTls,
    /// Another try will fail in the same way.
    Final(Error),
}

impl Fault {
    /// What a failed exchange with `host` means.
    pub(super) fn of(error: ureq::Error, host: &str) -> Self {
        match error {
            ureq::Error::Io(cause) => Self::of_io(cause, host),
            ureq::Error::Rustls(cause) => Self::of_tls(&cause, host),
            ureq::Error::Timeout(_) => Self::Passing(NO_SIGN_OF_LIFE.to_owned()),
            ureq::Error::HostNotFound => Self::Final(unknown_host(host)),
            ureq::Error::Protocol(cause) => Self::NotHttp(format!("the answer is no HTTP: {cause}")),
            ureq::Error::ConnectProxyFailed(why) => Self::Final(
                Error::new(ErrorKind::Network, format!("the proxy does not lead to {host}: {why}"))
                    .with_hint("see HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY"),
            ),
            ureq::Error::LargeResponseHeader(..) => {
                Self::Final(Error::new(ErrorKind::Network, "the headers of the answer are too long"))
            }
            other => Self::Final(Error::new(ErrorKind::Network, other.to_string())),
        }
    }

    /// The same for the middle of a body.
    pub(super) fn of_io(cause: io::Error, host: &str) -> Self {
        let cause = match cause.downcast::<Error>() {
            // our own: what is sent can not be read
            Ok(error) => return Self::Final(error),
            Err(cause) => cause,
        };
        let cause = match cause.downcast::<ureq::Error>() {
            Ok(error) => return Self::of(error, host),
            Err(cause) => cause,
        };
        // the standard library has no kind for it
        let text = cause.to_string();
        if text.contains("lookup address information") && !text.contains("emporary failure") {
            return Self::Final(unknown_host(host));
        }
        let tls = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(tls) => Self::of_tls(tls, host),
            None => Self::Passing(said(&cause)),
        }
    }

    fn of_tls(error: &rustls::Error, host: &str) -> Self {
        use rustls::{AlertDescription, CertificateError};
        let refused =
            |why: String, hint: &str| Self::Final(Error::new(ErrorKind::Network, why).with_hint(hint.to_owned()));
        match error {
            rustls::Error::InvalidMessage(_) => Self::NoTls,
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                refused(
                    format!("the certificate of {host} is signed by nobody that this system trusts"),
                    "give the authority's certificate with --ca-file FILE, or add it to the system's; --insecure HOST trusts any",
                )
            }
            rustls::Error::InvalidCertificate(cause) => refused(
                format!("the certificate of {host} is not valid: {cause}"),
                "use the name that the certificate is for, and look at its dates; --insecure HOST trusts any",
            ),
            rustls::Error::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateUnknown
                | AlertDescription::AccessDenied,
            ) => refused(
                format!("{host} does not accept the client's certificate, or wants one: {error}"),
                "give --cert FILE and --key FILE",
            ),
            other => refused(
                format!("no TLS connection to {host}: {other}"),
                "see which versions of TLS the registry speaks: 1.2 and 1.3 are known here",
            ),
        }
    }

    /// As an error, when there will be no other try.
    pub(super) fn into_error(self, host: &str) -> Error {
        match self {
            // who takes no long bodies may close the connection before that can be read
            Self::Passing(why) if why.starts_with(CLOSED) => Error::new(ErrorKind::Network, why).with_hint(
                "run the same command again to continue; if blobs are too long for it, give --chunk-size MIB",
            ),
            Self::Passing(why) | Self::NotHttp(why) => Error::new(ErrorKind::Network, why).with_hint(format!(
                "see whether {host} can be reached from here; run the same command again to continue"
            )),
            Self::NoTls => Error::new(
                ErrorKind::Network,
                format!("{host} speaks plain HTTP where HTTPS was asked for"),
            )
            .with_hint(format!("if that is meant to be so, give --insecure {host}")),
            Self::WantsTls => Error::new(
                ErrorKind::Network,
                format!("{host} speaks HTTPS where plain HTTP was asked for"),
            ),
            Self::Final(error) => error,
        }
    }
}

fn unknown_host(host: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("the name {host} is not known"))
        .with_hint("look for a typing error in the registry's name, and at the network's name service")
}

/// The cause in few words.
fn said(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => REFUSED.to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::BrokenPipe => CLOSED.to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed too early".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => NO_SIGN_OF_LIFE.to_owned(),
        _ => cause.to_string(),
    }
}
