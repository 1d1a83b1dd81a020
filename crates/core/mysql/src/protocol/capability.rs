//! Capability flags: what client and server agree on at log-in.

/// Set by MySQL; a MariaDB that leaves it out has flags of its own.
pub const LONG_PASSWORD: u32 = 1;
/// Affected rows are the rows found, not the rows changed.
pub const FOUND_ROWS: u32 = 1 << 1;
pub const LONG_FLAG: u32 = 1 << 2;
pub const CONNECT_WITH_DB: u32 = 1 << 3;
pub const NO_SCHEMA: u32 = 1 << 4;
pub const COMPRESS: u32 = 1 << 5;
pub const ODBC: u32 = 1 << 6;
pub const LOCAL_FILES: u32 = 1 << 7;
pub const IGNORE_SPACE: u32 = 1 << 8;
pub const PROTOCOL_41: u32 = 1 << 9;
pub const INTERACTIVE: u32 = 1 << 10;
pub const SSL: u32 = 1 << 11;
pub const TRANSACTIONS: u32 = 1 << 13;
pub const SECURE_CONNECTION: u32 = 1 << 15;
pub const MULTI_STATEMENTS: u32 = 1 << 16;
pub const MULTI_RESULTS: u32 = 1 << 17;
pub const PS_MULTI_RESULTS: u32 = 1 << 18;
pub const PLUGIN_AUTH: u32 = 1 << 19;
pub const CONNECT_ATTRS: u32 = 1 << 20;
pub const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
pub const SESSION_TRACK: u32 = 1 << 23;
/// Result sets end with an OK packet instead of an EOF packet.
pub const DEPRECATE_EOF: u32 = 1 << 24;

/// What the proxy offers to clients, TLS and compression apart.
pub const OFFERED: u32 = LONG_PASSWORD
    | FOUND_ROWS
    | LONG_FLAG
    | CONNECT_WITH_DB
    | NO_SCHEMA
    | ODBC
    | LOCAL_FILES
    | IGNORE_SPACE
    | PROTOCOL_41
    | INTERACTIVE
    | TRANSACTIONS
    | SECURE_CONNECTION
    | MULTI_STATEMENTS
    | MULTI_RESULTS
    | PS_MULTI_RESULTS
    | PLUGIN_AUTH
    | CONNECT_ATTRS
    | PLUGIN_AUTH_LENENC
    | SESSION_TRACK
    | DEPRECATE_EOF;

/// Flags of a client that change what a server answers or takes (several statements in one, local files): its statements go only to connections that have the same.
pub const SHAPES_ANSWERS: u32 =
    FOUND_ROWS | IGNORE_SPACE | DEPRECATE_EOF | ODBC | NO_SCHEMA | MULTI_STATEMENTS | LOCAL_FILES;

/// What each connection to a server asks for, beside what its client's [`SHAPES_ANSWERS`] are.
pub const TO_SERVERS: u32 = LONG_PASSWORD
    | LONG_FLAG
    | PROTOCOL_41
    | TRANSACTIONS
    | SECURE_CONNECTION
    | MULTI_RESULTS
    | PS_MULTI_RESULTS
    | PLUGIN_AUTH
    | PLUGIN_AUTH_LENENC
    | SESSION_TRACK;

/// The flags of a connection to a server that offers `offered`, for a client that logged in with `client`.
pub fn to_server(client: u32, offered: u32) -> u32 {
    ((TO_SERVERS | (client & SHAPES_ANSWERS)) & offered) | PROTOCOL_41
}
