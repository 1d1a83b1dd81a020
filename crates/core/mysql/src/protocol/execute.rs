//! COM_STMT_EXECUTE: which statement, and its parameters' types, which a client sends only the first time.

use super::Malformed;
use super::packet::Reader;

/// Behind the command: statement's id, flags, iterations.
const FIXED: usize = 1 + 4 + 1 + 4;

/// An execution as received, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    pub statement: u32,
    pub flags: u8,
    /// NULLs of the parameters, one bit each.
    pub nulls: &'a [u8],
    /// Two bytes a parameter; absent where the client relies on what it sent before.
    pub types: Option<&'a [u8]>,
    pub values: &'a [u8],
}

impl<'a> Execute<'a> {
    /// `payload` with the command's byte; `parameters` as the server counted them.
    pub fn read(payload: &'a [u8], parameters: u16) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        reader.u8("command")?;
        let statement = reader.u32("statement's id")?;
        let flags = reader.u8("flags")?;
        reader.u32("iterations")?;
        let mut execute = Self { statement, flags, nulls: &[], types: None, values: &[] };
        if parameters > 0 {
            execute.nulls = reader.bytes(usize::from(parameters).div_ceil(8), "NULLs")?;
            if reader.u8("flag of types")? == 1 {
                execute.types = Some(reader.bytes(usize::from(parameters) * 2, "types")?);
            }
            execute.values = reader.rest();
        }
        Ok(execute)
    }

    /// The same for another server's `statement`, always with `types`: that connection may never have heard them.
    pub fn write(&self, out: &mut Vec<u8>, statement: u32, types: &[u8]) {
        out.reserve(FIXED + self.nulls.len() + 1 + types.len() + self.values.len());
        out.push(super::command::Command::StmtExecute as u8);
        out.extend_from_slice(&statement.to_le_bytes());
        out.push(self.flags);
        out.extend_from_slice(&1_u32.to_le_bytes());
        out.extend_from_slice(self.nulls);
        if !self.nulls.is_empty() {
            out.push(1);
            out.extend_from_slice(types);
            out.extend_from_slice(self.values);
        }
    }
}

/// The statement's id of any command on a prepared statement.
pub fn statement_of(payload: &[u8]) -> Result<u32, Malformed> {
    let mut reader = Reader::new(payload);
    reader.u8("command")?;
    reader.u32("statement's id")
}
