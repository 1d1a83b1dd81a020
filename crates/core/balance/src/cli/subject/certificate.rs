//! Certificates and certificate authorities.

/// What is kept under a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A certificate with its key.
    Certificate,
    /// Certificates of authorities.
    Authorities,
}

/// A certificate as `show ssl cert` tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    pub serial: String,
    /// `Nov 27 23:45:01 2026 GMT`.
    pub not_before: String,
    pub not_after: String,
    /// `DNS:a, DNS:b`.
    pub names: String,
    /// `RSA2048`.
    pub algorithm: String,
    pub fingerprint: String,
    /// `/CN=test.local`.
    pub subject: String,
    pub issuer: String,
    /// Subjects of the certificates that follow it in its file.
    pub chain: Vec<String>,
}

/// What `show ssl cert` calls a certificate's fingerprint.
pub fn fingerprint(der: &[u8]) -> String {
    use sha1::Digest as _;
    sha1::Sha1::digest(der).iter().map(|byte| format!("{byte:02X}")).collect()
}

pub trait Certificates {
    /// Names of files, with whether something uses them.
    fn certificate_files(&self, kept: Kept) -> Vec<(String, bool)>;
    /// The certificates of a file; with `pending` those of the transaction that is going on.
    fn certificates(&self, kept: Kept, file: &str, pending: bool) -> Option<Vec<CertificateFacts>>;
    /// File of the transaction that is going on.
    fn transaction(&self, kept: Kept) -> Option<String>;
    /// Begins a transaction or replaces what it holds. The text tells what happened.
    fn set_certificate(&self, kept: Kept, file: &str, pem: &str) -> Result<String, String>;
    fn commit_certificate(&self, kept: Kept, file: &str) -> Result<String, String>;
    fn abort_certificate(&self, kept: Kept, file: &str) -> Result<String, String>;
    fn new_certificate(&self, kept: Kept, file: &str) -> Result<String, String>;
    fn delete_certificate(&self, kept: Kept, file: &str) -> Result<String, String>;
}
