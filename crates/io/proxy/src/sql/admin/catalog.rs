//! `information_schema`, as far as dump programs and clients that complete names ask for it. It never changes.

use super::guard::SECRETS;
use rusqlite::Connection;

/// Tables that are there to be found empty, and their columns.
const EMPTY: &[(&str, &str)] = &[
    (
        "FILES",
        "FILE_NAME, FILE_TYPE, TABLESPACE_NAME, LOGFILE_GROUP_NAME, TABLE_SCHEMA, TABLE_NAME, ENGINE, TOTAL_EXTENTS, \
         EXTENT_SIZE, INITIAL_SIZE, EXTRA",
    ),
    ("PARTITIONS", "TABLE_SCHEMA, TABLE_NAME, PARTITION_NAME, TABLESPACE_NAME"),
    ("ROUTINES", "ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE"),
    ("TRIGGERS", "TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE"),
    ("VIEWS", "TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION"),
    ("KEY_COLUMN_USAGE", "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME"),
];

/// Makes it of the tables that are there.
pub fn make(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "ATTACH ':memory:' AS information_schema;
         CREATE TABLE information_schema.SCHEMATA (CATALOG_NAME, SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME);
         CREATE TABLE information_schema.TABLES (TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COMMENT);
         CREATE TABLE information_schema.COLUMNS (TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION,
             COLUMN_DEFAULT, IS_NULLABLE, DATA_TYPE, COLUMN_TYPE, COLUMN_KEY, EXTRA, GENERATION_EXPRESSION, COLUMN_COMMENT)",
    )?;
    for (table, columns) in EMPTY {
        db.execute_batch(&format!("CREATE TABLE information_schema.{table} ({columns})"))?;
    }
    for schema in ["main", "disk", "stats", "monitor"] {
        db.execute_batch(&format!(
            "INSERT INTO information_schema.SCHEMATA VALUES ('def', '{schema}', 'utf8mb4', 'utf8mb4_general_ci');
             INSERT INTO information_schema.TABLES SELECT 'def', '{schema}', name, 'BASE TABLE', 'SQLite', ''
                 FROM {schema}.sqlite_schema WHERE type='table' AND name NOT IN ('{SECRETS}') AND name NOT LIKE 'sqlite%';
             INSERT INTO information_schema.COLUMNS SELECT 'def', '{schema}', t.TABLE_NAME, c.name, c.cid+1, c.dflt_value,
                 CASE c.\"notnull\" WHEN 1 THEN 'NO' ELSE 'YES' END, lower(c.type), lower(c.type),
                 CASE WHEN c.pk>0 THEN 'PRI' ELSE '' END, '', '', ''
                 FROM information_schema.TABLES t, pragma_table_info(t.TABLE_NAME, '{schema}') c
                 WHERE t.TABLE_SCHEMA='{schema}'",
        ))?;
    }
    Ok(())
}
