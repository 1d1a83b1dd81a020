//! Service account tokens: issued, verified, and the documents by which others verify them (OIDC discovery).
//!
//! Upstream: `pkg/serviceaccount/{claims,jwt,openidmetadata}.go`. Signed with ES256. Time is an argument, in seconds
//! since 1970; whether the objects a token is bound to still live is [`super::Authenticator`]'s question.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The issuer of a cluster that sets none; also the audience of the API server.
pub const DEFAULT_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Where [`TokenIssuer::jwks`] is served.
pub const JWKS_PATH: &str = "/openid/v1/jwks";
/// Where [`TokenIssuer::openid_configuration`] is served.
pub const CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";

/// What kubelets ask for by default. Such a token lives [`EXTENDED`] seconds, since old clients do not reload it;
/// use after this time is only warned about. Upstream: `WarnOnlyBoundTokenExpirationPeriod`.
const WARN_ONLY: i64 = 3607;
const EXTENDED: i64 = 365 * 24 * 3600;
/// Clocks of other nodes may be behind ours by this much. Seconds.
const LEEWAY: i64 = 60;
/// The fixed start of a P-256 SubjectPublicKeyInfo.
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A named object of one identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ref {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// The `kubernetes.io` claim: whom the token is for and with what it dies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Ref>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Ref>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Ref>,
    pub serviceaccount: Ref,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnafter: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    pub exp: i64,
    pub iat: i64,
    pub iss: String,
    #[serde(default)]
    pub jti: String,
    #[serde(rename = "kubernetes.io")]
    pub bound: Bound,
    pub nbf: i64,
    pub sub: String,
}

/// A token to be issued.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    pub bound: Bound,
    /// Empty takes the API server's own.
    pub audiences: Vec<String>,
    /// Lifetime in seconds.
    pub seconds: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub token: String,
    pub audiences: Vec<String>,
    /// When the holder should have renewed it, seconds since 1970.
    pub expires: i64,
}

/// Why a bearer token is not accepted. Clients only see `Unauthorized`; TokenReview and logs show this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("invalid bearer token")]
    Malformed,
    #[error("service account token has expired")]
    Expired,
    #[error("service account token is not valid yet")]
    NotYet,
    #[error("token audiences {got:?} is invalid for the target audiences {wanted:?}")]
    Audience { got: Vec<String>, wanted: Vec<String> },
    #[error("service account token has been invalidated")]
    Invalidated,
}

/// Signs and checks with the cluster's service account key.
pub struct TokenIssuer {
    issuer: String,
    audiences: Vec<String>,
    header: Header,
    key: EncodingKey,
    public: DecodingKey,
    jwk: Value,
    validation: Validation,
}

impl TokenIssuer {
    /// `key_pem` is a P-256 private key in PKCS#8 PEM; `audiences` are the API server's own (empty takes the issuer).
    ///
    /// # Errors
    /// If the key cannot be used; the text says why.
    pub fn new(key_pem: &str, issuer: impl Into<String>, audiences: Vec<String>) -> Result<Self, String> {
        let issuer = issuer.into();
        let unusable = |error: jsonwebtoken::errors::Error| {
            format!("the service account key is not a P-256 key in PKCS#8 PEM: {error}")
        };
        let key = EncodingKey::from_ec_pem(key_pem.as_bytes()).map_err(unusable)?;
        let jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(unusable)?;
        let AlgorithmParameters::EllipticCurve(point) = jwk.algorithm else {
            return Err("the service account key is not an elliptic curve key".to_owned());
        };
        let public = DecodingKey::from_ec_components(&point.x, &point.y).map_err(unusable)?;
        let key_id = key_id(&point.x, &point.y).ok_or("the service account key has no P-256 public key")?;
        let mut header = Header::new(Algorithm::ES256);
        header.typ = None;
        header.kid = Some(key_id.clone());
        let jwk = json!({
            "use": "sig", "kty": "EC", "kid": key_id, "crv": "P-256", "alg": "ES256", "x": point.x, "y": point.y,
        });
        let audiences = if audiences.is_empty() { vec![issuer.clone()] } else { audiences };
        Ok(Self { issuer, audiences, header, key, public, jwk, validation: signature_only() })
    }

    /// The audiences of the API server itself.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// # Errors
    /// If signing fails.
    pub fn issue(&self, grant: Grant, now: i64) -> Result<Issued, String> {
        let Grant { mut bound, audiences, seconds } = grant;
        let audiences = if audiences.is_empty() { self.audiences.clone() } else { audiences };
        let ours = audiences.iter().any(|audience| self.audiences.contains(audience));
        let mut lifetime = seconds;
        if seconds == WARN_ONLY && bound.pod.is_some() && ours {
            bound.warnafter = Some(now + seconds);
            lifetime = EXTENDED;
        }
        let claims = Claims {
            sub: format!("system:serviceaccount:{}:{}", bound.namespace, bound.serviceaccount.name),
            aud: audiences.clone(),
            exp: now + lifetime,
            iat: now,
            nbf: now,
            iss: self.issuer.clone(),
            jti: uuid::Uuid::new_v4().to_string(),
            bound,
        };
        let token = jsonwebtoken::encode(&self.header, &claims, &self.key).map_err(|error| error.to_string())?;
        Ok(Issued { token, audiences, expires: now + seconds })
    }

    /// Checks signature, issuer, times and audience (one of `audiences`; empty takes the API server's own).
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub fn verify(&self, token: &str, audiences: &[String], now: i64) -> Result<Claims, TokenError> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.public, &self.validation);
        let claims = data.map_err(|_| TokenError::Malformed)?.claims;
        if claims.iss != self.issuer {
            return Err(TokenError::Malformed);
        }
        if now >= claims.exp.saturating_add(LEEWAY) {
            return Err(TokenError::Expired);
        }
        if now < claims.nbf.saturating_sub(LEEWAY) {
            return Err(TokenError::NotYet);
        }
        let wanted = if audiences.is_empty() { &self.audiences } else { audiences };
        if !claims.aud.iter().any(|own| wanted.contains(own)) {
            return Err(TokenError::Audience { got: claims.aud, wanted: wanted.to_vec() });
        }
        let subject = format!("system:serviceaccount:{}:{}", claims.bound.namespace, claims.bound.serviceaccount.name);
        if claims.sub != subject {
            return Err(TokenError::Malformed);
        }
        Ok(claims)
    }

    /// The public keys, as served at [`JWKS_PATH`] with `application/jwk-set+json`.
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.jwk]})
    }

    /// OIDC discovery, as served at [`CONFIGURATION_PATH`]. `server` is how clients reach the API, `https://h:6443`.
    pub fn openid_configuration(&self, server: &str) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{server}{JWKS_PATH}"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }
}

/// The library checks the signature; times and audiences are ours to check, since time is an argument.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

/// Upstream's key id: the hash of the public key's SubjectPublicKeyInfo.
fn key_id(x: &str, y: &str) -> Option<String> {
    let mut spki = P256_SPKI.to_vec();
    spki.push(4);
    for coordinate in [x, y] {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(coordinate).ok()?;
        if bytes.len() != 32 {
            return None;
        }
        spki.extend(bytes);
    }
    Some(BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &spki)))
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(from)? {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    })
}
