//! Follows the node's pods: one task each, told of every change; and cleans up what no pod owns.

use crate::agent::{Agent, Inbox};
use crate::pod;
use client::{Delta, Object, Scope};
use network::PodKey;
use runtime::Event;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use tokio::sync::{broadcast, watch};

pub(crate) async fn run(agent: Arc<Agent>) {
    let stop = agent.stop.clone();
    stop.run_until_cancelled(follow(agent)).await;
}

async fn follow(agent: Arc<Agent>) {
    let mut pods = agent.pods.subscribe();
    let mut config = agent.watched.subscribe();
    let mut exits = agent.runtime.events();
    agent.pods.wait_for(1).await;
    // Containers get the variables of Services: the first one as well.
    agent.services.wait_for(1).await;
    remove_orphans(&agent).await;
    read_all(&agent);
    loop {
        tokio::select! {
            delta = pods.next() => match delta {
                Some(Delta::Change { old, new }) => take_in(&agent, old, new),
                Some(Delta::Reset) => read_all(&agent),
                None => return,
            },
            event = exits.recv() => match event {
                Ok(Event::ContainerExited { pod_uid, .. } | Event::SandboxLost { pod_uid }) => {
                    agent.tell(&pod_uid, |inbox| inbox.news += 1);
                }
                Err(broadcast::error::RecvError::Lagged(_)) => agent.tell_all(|inbox| inbox.news += 1),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            changed = config.recv() => match changed {
                Ok(pods) => tell_users(&agent, &pods),
                Err(broadcast::error::RecvError::Lagged(_)) => agent.tell_all(|inbox| inbox.config_changes += 1),
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}

/// Tells the pods that refer to an object that has changed.
fn tell_users(agent: &Agent, pods: &[String]) {
    for uid in pods {
        agent.tell(uid, |inbox| inbox.config_changes += 1);
    }
}

/// After a gap: tells every task what its pod is now.
fn read_all(agent: &Arc<Agent>) {
    let present = agent.pods.list(Scope::All);
    let uids: HashSet<String> = present.iter().map(|pod| pod.head.uid.clone()).collect();
    for pod in present {
        take_in(agent, None, Some(pod));
    }
    let inboxes = agent.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
    for (uid, inbox) in inboxes.iter().filter(|(uid, _)| !uids.contains(*uid)) {
        agent.watched.forget(uid);
        inbox.send_modify(|inbox| inbox.is_gone = true);
    }
}

fn take_in(agent: &Arc<Agent>, old: Option<Arc<Object>>, new: Option<Arc<Object>>) {
    let uid_of = |object: &Option<Arc<Object>>| object.as_ref().map(|object| object.head.uid.clone());
    let (old_uid, new_uid) = (uid_of(&old), uid_of(&new));
    if let Some(uid) = old_uid.filter(|uid| Some(uid) != new_uid.as_ref()) {
        agent.watched.forget(&uid);
        agent.tell(&uid, |inbox| inbox.is_gone = true);
    }
    let Some(object) = new.filter(|pod| !crate::static_views::is_view(pod)) else { return };
    let uid = object.head.uid.clone();
    agent.watched.refer(&object);
    if agent.tell(&uid, |inbox| inbox.object = object.clone()) {
        return;
    }
    let (inbox, news) = watch::channel(Inbox { object, is_gone: false, news: 0, config_changes: 0 });
    agent.inboxes.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, inbox);
    tokio::spawn(pod::run(agent.clone(), news));
}

/// What an earlier agent left of pods that were deleted while nobody looked.
async fn remove_orphans(agent: &Agent) {
    let live: HashSet<String> = agent.pods.list(Scope::All).iter().map(|pod| pod.head.uid.clone()).collect();
    for sandbox in agent.runtime.list() {
        if !live.contains(&sandbox.spec().uid)
            && let Err(error) = sandbox.remove().await
        {
            tracing::warn!(pod = sandbox.spec().name, error = %stdx::chain(&error), "an orphaned sandbox stays");
        }
    }
    let live_keys: Vec<PodKey> = agent
        .pods
        .list(Scope::All)
        .iter()
        .map(|pod| {
            let head = &pod.head;
            PodKey { namespace: head.namespace.clone(), name: head.name.clone(), uid: head.uid.clone() }
        })
        .collect();
    if let Err(error) = agent.network.reconcile(live_keys).await {
        tracing::warn!(error = %stdx::chain(&error), "the network of orphaned pods stays");
    }
    let folders = std::fs::read_dir(agent.config.data_dir.join("pods")).into_iter().flatten().flatten();
    let orphans = folders.filter_map(|entry| entry.file_name().into_string().ok()).filter(|uid| !live.contains(uid));
    for uid in orphans.collect::<Vec<_>>() {
        if let Err(error) = crate::volumes::tear_down_all(agent, &uid).await {
            tracing::warn!(pod = uid, error, "volumes of an orphaned pod stay");
        }
    }
}
