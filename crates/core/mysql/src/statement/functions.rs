//! Built-in functions: which only compute, and what the others touch.
//!
//! Source: MariaDB 10.11 and MySQL 8.4 reference manuals, "Functions and Operators". What is in neither table may be a
//! stored function or a loadable one, and these may write.

use super::{Effects, Reason, words::Index};

/// What a call of a function does.
pub(crate) enum Call {
    Pure,
    Special(&'static Special),
    Unknown,
}

/// A function that does more than compute.
pub(crate) struct Special {
    pub effects: Effects,
    pub reason: Option<Reason>,
}

macro_rules! special {
    ($($name:literal $effects:ident $reason:expr,)*) => {
        const SPECIAL_NAMES: &[&str] = &[$($name,)*];
        const SPECIAL: &[Special] = &[$(Special { effects: Effects::$effects, reason: $reason },)*];
    };
}

special! {
    "GET_LOCK" NAMED_LOCK Some(Reason::NamedLock),
    "RELEASE_LOCK" NAMED_LOCK Some(Reason::NamedLock),
    "RELEASE_ALL_LOCKS" NAMED_LOCK Some(Reason::NamedLock),
    "IS_FREE_LOCK" NAMED_LOCK Some(Reason::NamedLock),
    "IS_USED_LOCK" NAMED_LOCK Some(Reason::NamedLock),
    "NEXTVAL" SEQUENCE Some(Reason::Sequence),
    "LASTVAL" SEQUENCE Some(Reason::Sequence),
    "CURRVAL" SEQUENCE Some(Reason::Sequence),
    "SETVAL" SEQUENCE Some(Reason::Sequence),
    "FOUND_ROWS" USES_FOUND_ROWS None,
    "ROW_COUNT" USES_ROW_COUNT None,
    // With an argument it assigns; that is seen at the argument.
    "LAST_INSERT_ID" USES_LAST_INSERT_ID None,
    "CONNECTION_ID" CONNECTION_ID None,
    "LOAD_FILE" NONE Some(Reason::ServerSpecific),
    "MASTER_POS_WAIT" NONE Some(Reason::ServerSpecific),
    "SOURCE_POS_WAIT" NONE Some(Reason::ServerSpecific),
    "MASTER_GTID_WAIT" NONE Some(Reason::ServerSpecific),
    "BINLOG_GTID_POS" NONE Some(Reason::ServerSpecific),
    "WAIT_FOR_EXECUTED_GTID_SET" NONE Some(Reason::ServerSpecific),
    "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS" NONE Some(Reason::ServerSpecific),
    "WSREP_LAST_SEEN_GTID" NONE Some(Reason::ServerSpecific),
    "WSREP_LAST_WRITTEN_GTID" NONE Some(Reason::ServerSpecific),
    "WSREP_SYNC_WAIT_UPTO_GTID" NONE Some(Reason::ServerSpecific),
}

/// Only names that MariaDB 10.11 never takes for a stored function; those that are built in elsewhere or with some
/// arguments only (`ANY_VALUE`, `UUID_TO_BIN`, `POINT`) are not among them. Types of `CAST` are. SLEEP and BENCHMARK last, but give the same everywhere; so do UUIDs
/// and random numbers as far as anybody could tell.
#[rustfmt::skip]
const PURE: &[&str] = &[
    "ABS", "ACOS", "ADDDATE", "ADDTIME", "ADD_MONTHS", "AES_DECRYPT", "AES_ENCRYPT", "AREA", "ASBINARY", "ASCII",
    "ASIN", "ASTEXT", "ASWKB", "ASWKT", "ATAN", "ATAN2", "AVG", "BENCHMARK", "BIGINT", "BIN", "BIT", "BIT_AND",
    "BIT_COUNT", "BIT_LENGTH", "BIT_OR", "BIT_XOR", "BOUNDARY", "BUFFER", "CAST", "CEIL", "CEILING", "CENTROID",
    "CHAR", "CHARACTER", "CHARACTER_LENGTH", "CHARSET", "CHAR_LENGTH", "CHR", "COALESCE", "COERCIBILITY", "COLLATION",
    "COLUMN_ADD", "COLUMN_CHECK", "COLUMN_CREATE", "COLUMN_DELETE", "COLUMN_EXISTS", "COLUMN_GET", "COLUMN_JSON",
    "COLUMN_LIST", "COMPRESS", "CONCAT", "CONCAT_WS", "CONTAINS", "CONV", "CONVERT", "CONVERT_TZ", "CONVEXHULL",
    "COS", "COT", "COUNT", "CRC32", "CRC32C", "CROSSES", "CUME_DIST", "CURDATE", "CURRENT_DATE", "CURRENT_ROLE",
    "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "CURTIME", "DATABASE", "DATE", "DATEDIFF", "DATETIME",
    "DATE_ADD", "DATE_FORMAT", "DATE_SUB", "DAY", "DAYNAME", "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "DEC", "DECIMAL",
    "DECODE", "DECODE_ORACLE", "DEFAULT", "DEGREES", "DENSE_RANK", "DES_DECRYPT", "DES_ENCRYPT", "DIMENSION",
    "DISJOINT", "DOUBLE", "ELT", "ENCODE", "ENCRYPT", "ENDPOINT", "ENVELOPE", "EQUALS", "EXP", "EXPORT_SET",
    "EXTERIORRING", "EXTRACT", "EXTRACTVALUE", "FIELD", "FIND_IN_SET", "FIRST_VALUE", "FLOAT", "FLOOR", "FORMAT",
    "FROM_BASE64", "FROM_DAYS", "FROM_UNIXTIME", "GEOMCOLLFROMTEXT", "GEOMETRYN", "GEOMETRYTYPE", "GEOMFROMTEXT",
    "GEOMFROMWKB", "GET_FORMAT", "GLENGTH", "GREATEST", "GROUP_CONCAT", "HEX", "HOUR", "IF", "IFNULL", "INET6_ATON",
    "INET6_NTOA", "INET_ATON", "INET_NTOA", "INSERT", "INSTR", "INT", "INTEGER", "INTERIORRINGN", "INTERSECTS",
    "ISCLOSED", "ISEMPTY", "ISNULL", "ISRING", "ISSIMPLE", "IS_IPV4", "IS_IPV4_COMPAT", "IS_IPV4_MAPPED", "IS_IPV6",
    "JSON_ARRAY", "JSON_ARRAYAGG", "JSON_ARRAY_APPEND", "JSON_ARRAY_INSERT", "JSON_COMPACT", "JSON_CONTAINS",
    "JSON_CONTAINS_PATH", "JSON_DEPTH", "JSON_DETAILED", "JSON_EQUALS", "JSON_EXISTS", "JSON_EXTRACT", "JSON_INSERT",
    "JSON_KEYS", "JSON_LENGTH", "JSON_LOOSE", "JSON_MERGE", "JSON_MERGE_PATCH", "JSON_MERGE_PRESERVE",
    "JSON_NORMALIZE", "JSON_OBJECT", "JSON_OBJECTAGG", "JSON_OVERLAPS", "JSON_PRETTY", "JSON_QUERY", "JSON_QUOTE",
    "JSON_REMOVE", "JSON_REPLACE", "JSON_SEARCH", "JSON_SET", "JSON_TYPE", "JSON_UNQUOTE", "JSON_VALID", "JSON_VALUE",
    "LAG", "LAST_DAY", "LAST_VALUE", "LCASE", "LEAD", "LEAST", "LEFT", "LENGTH", "LENGTHB", "LINEFROMTEXT", "LN",
    "LOCALTIME", "LOCALTIMESTAMP", "LOCATE", "LOG", "LOG10", "LOG2", "LOWER", "LPAD", "LTRIM", "MAKEDATE", "MAKETIME",
    "MAKE_SET", "MATCH", "MAX", "MBRCONTAINS", "MBREQUAL", "MBRINTERSECTS", "MBRWITHIN", "MD5", "MEDIAN",
    "MICROSECOND", "MID", "MIN", "MINUTE", "MOD", "MONTH", "MONTHNAME", "NAME_CONST", "NATURAL_SORT_KEY", "NCHAR",
    "NOW", "NTH_VALUE", "NTILE", "NULLIF", "NUMERIC", "NUMGEOMETRIES", "NUMINTERIORRINGS", "NUMPOINTS", "NVL", "NVL2",
    "OCT", "OCTET_LENGTH", "OLD_PASSWORD", "ORD", "OVERLAPS", "PASSWORD", "PERCENTILE_CONT", "PERCENTILE_DISC",
    "PERCENT_RANK", "PERIOD_ADD", "PERIOD_DIFF", "PI", "POINTFROMTEXT", "POINTN", "POINTONSURFACE", "POLYFROMTEXT",
    "POSITION", "POW", "POWER", "QUARTER", "QUOTE", "RADIANS", "RAND", "RANDOM_BYTES", "RANK", "REAL", "REGEXP_INSTR",
    "REGEXP_REPLACE", "REGEXP_SUBSTR", "REPEAT", "REPLACE", "REVERSE", "RIGHT", "ROUND", "ROWNUM", "ROW_NUMBER",
    "RPAD", "RTRIM", "SCHEMA", "SECOND", "SEC_TO_TIME", "SESSION_USER", "SFORMAT", "SHA", "SHA1", "SHA2", "SIGN",
    "SIGNED", "SIN", "SLEEP", "SMALLINT", "SOUNDEX", "SPACE", "SQRT", "SRID", "STARTPOINT", "STD", "STDDEV",
    "STDDEV_POP", "STDDEV_SAMP", "STRCMP", "STR_TO_DATE", "ST_AREA", "ST_ASBINARY", "ST_ASGEOJSON", "ST_ASTEXT",
    "ST_ASWKB", "ST_ASWKT", "ST_BOUNDARY", "ST_BUFFER", "ST_CENTROID", "ST_CONTAINS", "ST_CONVEXHULL", "ST_CROSSES",
    "ST_DIFFERENCE", "ST_DIMENSION", "ST_DISJOINT", "ST_DISTANCE", "ST_DISTANCE_SPHERE", "ST_ENDPOINT", "ST_ENVELOPE",
    "ST_EQUALS", "ST_EXTERIORRING", "ST_GEOMCOLLFROMTEXT", "ST_GEOMETRYN", "ST_GEOMETRYTYPE", "ST_GEOMFROMGEOJSON",
    "ST_GEOMFROMTEXT", "ST_GEOMFROMWKB", "ST_INTERIORRINGN", "ST_INTERSECTION", "ST_INTERSECTS", "ST_ISCLOSED",
    "ST_ISEMPTY", "ST_ISRING", "ST_ISSIMPLE", "ST_LENGTH", "ST_LINEFROMTEXT", "ST_NUMGEOMETRIES",
    "ST_NUMINTERIORRINGS", "ST_NUMPOINTS", "ST_OVERLAPS", "ST_POINTFROMTEXT", "ST_POINTN", "ST_POINTONSURFACE",
    "ST_POLYFROMTEXT", "ST_RELATE", "ST_SRID", "ST_STARTPOINT", "ST_SYMDIFFERENCE", "ST_TOUCHES", "ST_UNION",
    "ST_WITHIN", "ST_X", "ST_Y", "SUBDATE", "SUBSTR", "SUBSTRING", "SUBSTRING_INDEX", "SUBTIME", "SUM", "SYSDATE",
    "SYSTEM_USER", "SYS_GUID", "TAN", "TIME", "TIMEDIFF", "TIMESTAMP", "TIMESTAMPADD", "TIMESTAMPDIFF", "TIME_FORMAT",
    "TIME_TO_SEC", "TOUCHES", "TO_BASE64", "TO_CHAR", "TO_DAYS", "TO_SECONDS", "TRIM", "TRIM_ORACLE", "TRUNCATE",
    "UCASE", "UNCOMPRESS", "UNCOMPRESSED_LENGTH", "UNHEX", "UNIX_TIMESTAMP", "UNSIGNED", "UPDATEXML", "UPPER", "USER",
    "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "UUID", "UUID_SHORT", "VALUE", "VALUES", "VARBINARY", "VARCHAR",
    "VARIANCE", "VAR_POP", "VAR_SAMP", "VERSION", "WEEK", "WEEKDAY", "WEEKOFYEAR", "WEIGHT_STRING", "WITHIN", "X",
    "Y", "YEAR", "YEARWEEK",
];

/// With a blank before the parenthesis (and without IGNORE_SPACE) these are stored functions of that name.
/// Source: MySQL manual, "Function Name Parsing and
/// Resolution", and what a MariaDB 10.11 was seen to do.
#[rustfmt::skip]
const NEVER_SPACED: &[&str] = &[
    "ADDDATE", "BIT_AND", "BIT_OR", "BIT_XOR", "CAST", "COUNT", "CUME_DIST", "CURDATE", "CURTIME", "DATE_ADD",
    "DATE_SUB", "DENSE_RANK", "EXTRACT", "FIRST_VALUE", "GROUP_CONCAT", "JSON_ARRAYAGG", "JSON_OBJECTAGG", "LAG",
    "LEAD", "MAX", "MEDIAN", "MID", "MIN", "NOW", "NTH_VALUE", "NTILE", "PERCENTILE_CONT", "PERCENTILE_DISC",
    "PERCENT_RANK", "POSITION", "RANK", "SESSION_USER", "STD", "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "SUBDATE",
    "SUBSTR", "SUBSTRING", "SUM", "SYSDATE", "SYSTEM_USER", "TRIM", "TRIM_ORACLE", "VARIANCE", "VAR_POP", "VAR_SAMP",
];

/// Of the pure ones, those whose value depends on more than their arguments and the data; or that are called to last.
#[rustfmt::skip]
const VOLATILE: &[&str] = &[
    "BENCHMARK", "CURDATE", "CURRENT_DATE", "CURRENT_ROLE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER",
    "CURTIME", "ENCRYPT", "LOCALTIME", "LOCALTIMESTAMP", "NOW", "RAND", "RANDOM_BYTES", "SESSION_USER", "SLEEP",
    "SYSDATE", "SYSTEM_USER", "SYS_GUID", "UNIX_TIMESTAMP", "USER", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "UUID",
    "UUID_SHORT",
];

const VOLATILE_CALL: Special = Special { effects: Effects::VOLATILE, reason: None };

static VOLATILE_INDEX: Index = Index::new(VOLATILE);
static PURE_INDEX: Index = Index::new(PURE);
static SPECIAL_INDEX: Index = Index::new(SPECIAL_NAMES);

/// What `name(` calls; `spaced`: something is between the name and the parenthesis.
pub(crate) fn call(name: &[u8], spaced: bool) -> Call {
    if let Some(number) = SPECIAL_INDEX.find(SPECIAL_NAMES, name) {
        return Call::Special(&SPECIAL[number]);
    }
    if PURE_INDEX.find(PURE, name).is_none() {
        return Call::Unknown;
    }
    if spaced && NEVER_SPACED.iter().any(|never| never.as_bytes().eq_ignore_ascii_case(name)) {
        return Call::Unknown;
    }
    if VOLATILE_INDEX.find(VOLATILE, name).is_some() { Call::Special(&VOLATILE_CALL) } else { Call::Pure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_volatile_are_pure() {
        assert!(VOLATILE.iter().all(|name| PURE.contains(name)));
    }

    /// Makes a stored function of every name with no to three parameters; none may be called by the name alone.
    #[test]
    #[ignore = "needs a MariaDB to write to: MARIADB_SOCKET=path"]
    fn a_server_never_takes_them_for_stored_functions() {
        let socket = std::env::var("MARIADB_SOCKET").expect("MARIADB_SOCKET is the path of a server's socket");
        let run = |sql: &str| {
            let client = Command::new("mariadb").args(["--no-defaults", "-S", &socket, "-N", "-f", "-e", sql]).output();
            let output = client.expect("the client starts");
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
        };
        for count in 0..4 {
            let parameters: Vec<String> = (0..count).map(|number| format!("p{number} TEXT")).collect();
            let arguments = vec!["'1'"; count].join(",");
            let mut sql = "CREATE OR REPLACE DATABASE barque_names; USE barque_names;".to_owned();
            for name in PURE {
                sql += &format!("CREATE FUNCTION `{name}`({}) RETURNS INT RETURN 424242;\n", parameters.join(","));
                sql += &format!("SELECT '{name}', {name}({arguments});\n");
                if !NEVER_SPACED.contains(name) {
                    sql += &format!("SELECT '{name}', {name} ({arguments});\n");
                }
            }
            let called: Vec<String> = run(&sql).into_iter().filter(|line| line.ends_with("\t424242")).collect();
            assert!(called.is_empty(), "{called:?}");
            assert_eq!(run("SELECT barque_names.abs()").len(), usize::from(count == 0), "functions were made");
        }
        run("DROP DATABASE barque_names");
    }
}
