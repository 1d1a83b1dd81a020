//! Packets to questions, and answers to packets.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};

/// Answers over UDP are no larger than this, whatever the client offers: larger ones get lost in fragments.
/// Upstream: DNS flag day 2020.
const MAX_UDP: u16 = 1232;
/// What clients without EDNS take.
const MIN_UDP: u16 = 512;
const HEADER: usize = 12;

/// A well-formed question: `message` holds exactly one.
#[derive(Debug, Clone)]
pub struct Query {
    pub message: Message,
}

/// What came in.
#[derive(Debug)]
pub enum Received {
    Query(Query),
    /// Nothing to look up: send this back.
    Error(Message),
    /// Not worth an answer: noise, or an answer itself.
    Drop,
}

impl Query {
    pub fn name(&self) -> &Name {
        self.message.queries[0].name()
    }

    pub fn kind(&self) -> RecordType {
        self.message.queries[0].query_type()
    }

    /// An empty answer to this question.
    pub fn reply(&self, code: ResponseCode) -> Message {
        reply_to(&self.message, code)
    }

    /// Bytes the client takes over UDP.
    pub fn udp_limit(&self) -> usize {
        let offered = self.message.edns.as_ref().map_or(MIN_UDP, Edns::max_payload);
        usize::from(offered.clamp(MIN_UDP, MAX_UDP))
    }

    /// Whether the client wants signatures, which makes for another answer.
    pub fn wants_dnssec(&self) -> bool {
        self.message.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok)
    }
}

/// Takes a packet apart.
pub fn receive(packet: &[u8]) -> Received {
    if packet.len() < HEADER || packet[2] & 0x80 != 0 {
        return Received::Drop;
    }
    let Ok(message) = Message::from_vec(packet) else {
        let id = u16::from_be_bytes([packet[0], packet[1]]);
        return Received::Error(Message::error_msg(id, OpCode::Query, ResponseCode::FormErr));
    };
    match refusal(&message) {
        Some(code) => Received::Error(reply_to(&message, code)),
        None => Received::Query(Query { message }),
    }
}

fn refusal(message: &Message) -> Option<ResponseCode> {
    if message.metadata.op_code != OpCode::Query {
        return Some(ResponseCode::NotImp);
    }
    let [question] = &message.queries[..] else { return Some(ResponseCode::FormErr) };
    if message.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return Some(ResponseCode::BADVERS);
    }
    let transfer = matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR);
    let internet = matches!(question.query_class(), DNSClass::IN | DNSClass::ANY);
    (transfer || !internet).then_some(ResponseCode::Refused)
}

fn reply_to(message: &Message, code: ResponseCode) -> Message {
    let mut reply = Message::new(message.metadata.id, MessageType::Response, message.metadata.op_code);
    reply.metadata.recursion_desired = message.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.metadata.response_code = code;
    if message.queries.len() == 1 {
        reply.queries = message.queries.clone();
    }
    if message.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP);
        reply.set_edns(edns);
    }
    reply
}

/// The packet of an answer. One longer than `limit` bytes holds as many answers as fit, for clients that know no TCP, and
/// tells the others to ask over it. None if the answer cannot be written, which means that we built a wrong one.
pub fn encode(reply: &Message, limit: usize) -> Option<Vec<u8>> {
    let packet = reply.to_vec().ok()?;
    if packet.len() <= limit {
        return Some(packet);
    }
    let shortened = |answers: usize| {
        let mut short = reply.clone();
        short.metadata.truncation = true;
        short.authorities.clear();
        short.additionals.clear();
        short.answers.truncate(answers);
        short.to_vec().ok()
    };
    // Each step writes a packet; their number grows with the logarithm of the answers'.
    let (mut most, mut too_many) = (0, reply.answers.len() + 1);
    while most + 1 < too_many {
        let middle = usize::midpoint(most, too_many);
        match shortened(middle)?.len() <= limit {
            true => most = middle,
            false => too_many = middle,
        }
    }
    shortened(most)
}
