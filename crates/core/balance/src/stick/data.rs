//! What an entry stores: one row per type, in the order in which `show table` lists them.

use crate::sample::Counter;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataType {
    ServerId,
    Gpt0,
    Gpc0,
    Gpc0Rate,
    ConnCnt,
    ConnRate,
    ConnCur,
    SessCnt,
    SessRate,
    HttpReqCnt,
    HttpReqRate,
    HttpErrCnt,
    HttpErrRate,
    BytesInCnt,
    BytesInRate,
    BytesOutCnt,
    BytesOutRate,
    Gpc1,
    Gpc1Rate,
    ServerKey,
    HttpFailCnt,
    HttpFailRate,
    Gpt,
    Gpc,
    GpcRate,
}

/// How a type is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32 bits.
    Count,
    /// 64 bits.
    Total,
    /// Events per period; the period is its argument.
    Rate,
    /// A text: `server_key`.
    Text,
}

/// A row: the name in `store`, how it is stored, and whether it is an array, whose length is its first argument.
#[derive(Debug, Clone, Copy)]
pub struct DataRow {
    pub data: DataType,
    pub name: &'static str,
    pub kind: Kind,
    pub array: bool,
}

const fn row(data: DataType, name: &'static str, kind: Kind) -> DataRow {
    DataRow { data, name, kind, array: false }
}

pub const DATA_TYPES: &[DataRow] = &[
    row(DataType::ServerId, "server_id", Kind::Count),
    row(DataType::Gpt0, "gpt0", Kind::Count),
    row(DataType::Gpc0, "gpc0", Kind::Count),
    row(DataType::Gpc0Rate, "gpc0_rate", Kind::Rate),
    row(DataType::ConnCnt, "conn_cnt", Kind::Count),
    row(DataType::ConnRate, "conn_rate", Kind::Rate),
    row(DataType::ConnCur, "conn_cur", Kind::Count),
    row(DataType::SessCnt, "sess_cnt", Kind::Count),
    row(DataType::SessRate, "sess_rate", Kind::Rate),
    row(DataType::HttpReqCnt, "http_req_cnt", Kind::Count),
    row(DataType::HttpReqRate, "http_req_rate", Kind::Rate),
    row(DataType::HttpErrCnt, "http_err_cnt", Kind::Count),
    row(DataType::HttpErrRate, "http_err_rate", Kind::Rate),
    row(DataType::BytesInCnt, "bytes_in_cnt", Kind::Total),
    row(DataType::BytesInRate, "bytes_in_rate", Kind::Rate),
    row(DataType::BytesOutCnt, "bytes_out_cnt", Kind::Total),
    row(DataType::BytesOutRate, "bytes_out_rate", Kind::Rate),
    row(DataType::Gpc1, "gpc1", Kind::Count),
    row(DataType::Gpc1Rate, "gpc1_rate", Kind::Rate),
    row(DataType::ServerKey, "server_key", Kind::Text),
    row(DataType::HttpFailCnt, "http_fail_cnt", Kind::Count),
    row(DataType::HttpFailRate, "http_fail_rate", Kind::Rate),
    DataRow { array: true, ..row(DataType::Gpt, "gpt", Kind::Count) },
    DataRow { array: true, ..row(DataType::Gpc, "gpc", Kind::Count) },
    DataRow { array: true, ..row(DataType::GpcRate, "gpc_rate", Kind::Rate) },
];

impl DataType {
    pub fn row(self) -> &'static DataRow {
        &DATA_TYPES[self as usize]
    }

    pub fn parse(name: &str) -> Option<Self> {
        DATA_TYPES.iter().find(|row| row.name == name).map(|row| row.data)
    }
}

impl Kind {
    /// 32-bit words of one element.
    pub fn words(self) -> usize {
        match self {
            Self::Count => 1,
            Self::Total => 2,
            Self::Rate => 3,
            Self::Text => 0,
        }
    }
}

/// Where a sample's counter is stored: the type, the element, and the array that stands in for it.
pub fn place_of(counter: Counter) -> Option<(DataType, usize, Option<DataType>)> {
    let own = |data| Some((data, 0, None));
    match counter {
        Counter::ServerId => own(DataType::ServerId),
        Counter::ConnCnt => own(DataType::ConnCnt),
        Counter::ConnCur => own(DataType::ConnCur),
        Counter::ConnRate => own(DataType::ConnRate),
        Counter::SessCnt => own(DataType::SessCnt),
        Counter::SessRate => own(DataType::SessRate),
        Counter::HttpReqCnt => own(DataType::HttpReqCnt),
        Counter::HttpReqRate => own(DataType::HttpReqRate),
        Counter::HttpErrCnt => own(DataType::HttpErrCnt),
        Counter::HttpErrRate => own(DataType::HttpErrRate),
        Counter::HttpFailCnt => own(DataType::HttpFailCnt),
        Counter::HttpFailRate => own(DataType::HttpFailRate),
        Counter::BytesIn => own(DataType::BytesInCnt),
        Counter::BytesInRate => own(DataType::BytesInRate),
        Counter::BytesOut => own(DataType::BytesOutCnt),
        Counter::BytesOutRate => own(DataType::BytesOutRate),
        Counter::Gpt0 => Some((DataType::Gpt0, 0, Some(DataType::Gpt))),
        Counter::Gpc0 => Some((DataType::Gpc0, 0, Some(DataType::Gpc))),
        Counter::Gpc0Rate => Some((DataType::Gpc0Rate, 0, Some(DataType::GpcRate))),
        Counter::Gpc1 => Some((DataType::Gpc1, 1, Some(DataType::Gpc))),
        Counter::Gpc1Rate => Some((DataType::Gpc1Rate, 1, Some(DataType::GpcRate))),
        Counter::Gpt(index) => Some((DataType::Gpt, index.into(), Some(DataType::Gpt))),
        Counter::Gpc(index) => Some((DataType::Gpc, index.into(), Some(DataType::Gpc))),
        Counter::GpcRate(index) => Some((DataType::GpcRate, index.into(), Some(DataType::GpcRate))),
        Counter::Exists | Counter::Trackers | Counter::Expire | Counter::Idle => None,
    }
}
