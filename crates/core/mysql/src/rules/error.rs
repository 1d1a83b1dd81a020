//! Why a query rule cannot be used.

/// One value of one rule that cannot be used. None of the rules was taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("query rule {rule_id}: {column} {value:?} {cause}; {cure}")]
pub struct RuleError {
    pub rule_id: i64,
    /// Column of `mysql_query_rules`.
    pub column: &'static str,
    pub value: String,
    /// Goes on after the value: "is not ...".
    pub cause: String,
    pub cure: String,
}
