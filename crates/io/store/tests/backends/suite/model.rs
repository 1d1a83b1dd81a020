//! The store against a plain map: random programs of writes, reads of now and the past, compactions and reopenings.

use super::{Backend, collect, in_time};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Compare, Op, Outcome, Range, ReadError, Revision, Store};

/// One step of a program. Keys are few, so that steps meet.
#[derive(Debug, Clone)]
enum Step {
    Write { guess: Option<(u8, bool)>, ops: Vec<(u8, Option<u16>)> },
    ReadPast { back: u64, limit: usize, after: Option<u8> },
    Compact { back: u64 },
    WatchFrom { back: u64 },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let ops = prop::collection::btree_map(0..12u8, prop::option::weighted(0.7, any::<u16>()), 1..4);
    let write = (prop::option::of((0..12u8, any::<bool>())), ops)
        .prop_map(|(guess, ops)| Step::Write { guess, ops: ops.into_iter().collect() });
    prop_oneof![
        12 => write,
        4 => (0..15u64, 0..4usize, prop::option::of(0..12u8))
            .prop_map(|(back, limit, after)| Step::ReadPast { back, limit, after }),
        1 => (0..15u64).prop_map(|back| Step::Compact { back }),
        2 => (0..15u64).prop_map(|back| Step::WatchFrom { back }),
        1 => Just(Step::Reopen),
    ]
}

type Values = BTreeMap<String, (Vec<u8>, Revision, Revision)>;

/// What the store should be: the state at each revision.
struct Model {
    first: Revision,
    states: Vec<Values>,
    compacted: Revision,
}

impl Model {
    fn newest(&self) -> Revision {
        self.first + self.states.len() as u64 - 1
    }

    fn at(&self, revision: Revision) -> &Values {
        &self.states[(revision - self.first) as usize]
    }

    fn back(&self, by: u64) -> Revision {
        self.newest().saturating_sub(by).max(self.first)
    }
}

fn key(number: u8) -> String {
    format!("/m/{}/{number:02}", number % 3)
}

pub fn check(factory: impl Fn() -> Box<dyn Backend>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..60))| {
        runtime.block_on(run(factory().as_ref(), steps));
    });
}

async fn run(backend: &dyn Backend, steps: Vec<Step>) {
    let mut store = backend.open().await;
    let first = store.revision().await.unwrap();
    let mut model = Model { first, states: vec![Values::new()], compacted: 0 };
    for step in steps {
        match step {
            Step::Write { guess, ops } => write(&*store, &mut model, guess, ops).await,
            Step::ReadPast { back, limit, after } => {
                read(&*store, &model, model.back(back), limit, after.map(key)).await;
            }
            Step::Compact { back } => {
                let revision = model.back(back);
                store.compact(revision).await.unwrap();
                model.compacted = model.compacted.max(revision);
            }
            Step::WatchFrom { back } => watch(&store, &model, model.back(back)).await,
            Step::Reopen => {
                drop(store);
                store = backend.open().await;
            }
        }
        assert_eq!(store.revision().await.unwrap(), model.newest());
        read(&*store, &model, model.newest(), 0, None).await;
    }
}

async fn write(store: &dyn Store, model: &mut Model, guess: Option<(u8, bool)>, ops: Vec<(u8, Option<u16>)>) {
    let now = model.at(model.newest());
    let revision = model.newest() + 1;
    // A right guess, or one that is off by one.
    let compare = guess.map(|(number, right)| {
        let actual = now.get(&key(number)).map_or(0, |value| value.2);
        (key(number), if right { actual } else { actual + 1 }, right)
    });
    let refused = compare.as_ref().is_some_and(|(_, _, right)| !right);
    let mut next = now.clone();
    for (number, value) in &ops {
        match value {
            Some(value) => {
                let created = now.get(&key(*number)).map_or(revision, |old| old.1);
                next.insert(key(*number), (value.to_be_bytes().into(), created, revision));
            }
            None => _ = next.remove(&key(*number)),
        }
    }
    let compares = compare.into_iter().map(|(key, revision, _)| Compare::unchanged(key, revision)).collect();
    let ops = ops.into_iter().map(|(number, value)| match value {
        Some(value) => Op::put(key(number), value.to_be_bytes().to_vec()),
        None => Op::delete(key(number)),
    });
    let outcome = in_time(store.txn(compares, ops.collect())).await.unwrap();
    if refused {
        assert!(matches!(outcome, Outcome::Refused { revision: at, .. } if at == revision - 1), "{outcome:?}");
        return;
    }
    if next != *now {
        model.states.push(next);
    }
    assert_eq!(outcome, Outcome::Done { revision: model.newest() });
}

async fn read(store: &dyn Store, model: &Model, at: Revision, limit: usize, after: Option<String>) {
    let result = store.range(Range { after: after.clone(), at: Some(at), limit, ..Range::under("/m/1/") }).await;
    if at < model.compacted {
        assert!(matches!(result, Err(ReadError::Compacted { .. })), "{result:?}");
        return;
    }
    let result = result.unwrap();
    let expected = model.at(at).iter().filter(|(key, _)| key.starts_with("/m/1/"));
    let expected: Vec<_> = expected.filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after)).collect();
    let taken = if limit == 0 { expected.len() } else { limit.min(expected.len()) };
    assert_eq!((result.revision, result.remaining), (model.newest(), expected.len() - taken));
    let items =
        result.items.iter().map(|item| (item.key.to_string(), (item.value.to_vec(), item.created, item.modified)));
    assert!(items.eq(expected[..taken].iter().map(|(key, value)| ((*key).clone(), (*value).clone()))));
}

/// What a watch tells must lead from the state at `from` to the state now.
async fn watch(store: &Arc<dyn Store>, model: &Model, from: Revision) {
    if from < model.compacted {
        return;
    }
    let mut expected = Vec::new();
    for revision in from + 1..=model.newest() {
        let (before, after) = (model.at(revision - 1), model.at(revision));
        let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys.into_iter().filter(|key| before.get(*key) != after.get(*key)) {
            let value = |state: &Values| state.get(key).map(|value| value.0.clone());
            expected.push((revision, key.clone(), value(before), value(after)));
        }
    }
    let mut watch = store.watch("/m/", from).await.unwrap();
    let changes = collect(&mut *watch, expected.len()).await;
    let bytes = |value: &Option<bytes::Bytes>| value.as_ref().map(|value| value.to_vec());
    let told = changes.iter().map(|c| (c.revision, c.key.to_string(), bytes(&c.previous), bytes(&c.value)));
    let mut told: Vec<_> = told.collect();
    // Within a transaction the order is the backend's.
    told.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    assert_eq!(told, expected);
    assert!(changes.is_sorted_by_key(|change| change.revision));
}
