//! A thread as plain vectors: what a store must give back.

use std::collections::{BTreeMap, BTreeSet};

use everthread_graph::contract::{
    At, Change, ChannelValue, CheckpointId, Checkpointer, Dropped, Element, HistoryQuery,
    ListDelta, Namespace, Piece, Removal, ThreadKey,
};
use everthread_sqlite::SqliteStore;
use everthread_store::conformance::{Ids, Step, apply, element, json, key};
use everthread_store::{ReadMessages, Store, TRANSCRIPT};

/// What a step does, to the list and to a plain value.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// For each old element, round and round: 9 context, 10 user, 11 replaced, anything else stays.
    pub(crate) fates: Vec<u8>,
    pub(crate) appended: u8,
    /// 0 clears it, 1 to 3 set it, others leave it.
    pub(crate) value: u8,
}

/// A checkpoint as it was recorded.
#[derive(Debug, Clone, Default)]
struct Point {
    ns: Namespace,
    live: Vec<Element>,
    all: Vec<Element>,
    value: Option<u8>,
}

/// One thread.
pub(crate) struct Reference {
    key: ThreadKey,
    points: BTreeMap<CheckpointId, Point>,
    heads: BTreeMap<Namespace, CheckpointId>,
    messages: usize,
}

impl Reference {
    pub(crate) fn new() -> Self {
        Self {
            key: key("alice", "1"),
            points: BTreeMap::new(),
            heads: BTreeMap::new(),
            messages: 0,
        }
    }

    pub(crate) fn key(&self) -> &ThreadKey {
        &self.key
    }

    pub(crate) fn is_begun(&self) -> bool {
        !self.points.is_empty()
    }

    /// Applies a step here and there. `back` names an older checkpoint to begin from.
    pub(crate) async fn step(
        &mut self,
        store: &SqliteStore,
        ids: &Ids,
        ns: &Namespace,
        back: Option<usize>,
        said: &Said,
    ) {
        let head = self.heads.get(ns).copied();
        let known: Vec<CheckpointId> = self.of(ns);
        let parent = match back {
            Some(back) => known.iter().rev().nth(back).copied().or(head),
            None => head,
        };
        let mut point = parent.map_or_else(Point::default, |id| self.points[&id].clone());
        point.ns = ns.clone();
        let delta = self.change_list(&mut point, said);
        let mut step = Step::after(ids, &self.key, head).within(ns);
        if parent != head {
            step = step.from(parent);
        }
        step = step.change(TRANSCRIPT, Change::List(delta));
        match said.value {
            0 => {
                point.value = None;
                step = step.change("value", Change::Clear);
            }
            value @ 1..=3 => {
                point.value = Some(value);
                step = step.set("value", &value.to_string());
            }
            _ => {}
        }
        let id = step.id();
        apply(store, step.build()).await.unwrap();
        self.heads.insert(ns.clone(), id);
        self.points.insert(id, point);
    }

    fn of(&self, ns: &Namespace) -> Vec<CheckpointId> {
        let of_ns = self.points.iter().filter(|(_, point)| point.ns == *ns);
        of_ns.map(|(id, _)| *id).collect()
    }

    fn change_list(&mut self, point: &mut Point, said: &Said) -> ListDelta {
        let mut delta = ListDelta {
            base_len: u32::try_from(point.live.len()).unwrap(),
            ..ListDelta::default()
        };
        let mut live = Vec::new();
        for (position, old) in std::mem::take(&mut point.live).into_iter().enumerate() {
            let at = u32::try_from(position).unwrap();
            let fate = said
                .fates
                .get(position % said.fates.len().max(1))
                .copied()
                .unwrap_or(0);
            let place = point.all.iter().position(|one| *one == old).unwrap();
            let reason = match fate {
                9 => Removal::Context,
                10 => Removal::User,
                11 => Removal::Replaced,
                _ => {
                    delta.pieces.push(Piece::Keep(at..at + 1));
                    live.push(old);
                    continue;
                }
            };
            delta.dropped.push(Dropped {
                range: at..at + 1,
                reason,
            });
            match reason {
                Removal::User => drop(point.all.remove(place)),
                Removal::Replaced => {
                    let successor = self.add(&mut delta);
                    point.all[place] = successor.clone();
                    live.push(successor);
                }
                Removal::Context | Removal::Rollback => {}
            }
        }
        for _ in 0..said.appended {
            let new = self.add(&mut delta);
            point.all.push(new.clone());
            live.push(new);
        }
        point.live = live;
        delta
    }

    fn add(&mut self, delta: &mut ListDelta) -> Element {
        self.messages += 1;
        let new = element(
            &format!("m{}", self.messages),
            "human",
            &format!("text {}", self.messages),
        );
        let at = u32::try_from(delta.elements.len()).unwrap();
        delta.pieces.push(Piece::New(at..at + 1));
        delta.elements.push(new.clone());
        new
    }

    async fn listed(&self, store: &SqliteStore) -> BTreeSet<CheckpointId> {
        let query = HistoryQuery {
            ns: None,
            before: None,
            limit: usize::MAX,
        };
        let found = store.history(&self.key, query).await.unwrap();
        found.into_iter().map(|one| one.id).collect()
    }

    /// Forgets what the store pruned, which are never heads.
    pub(crate) async fn forget_pruned(&mut self, store: &SqliteStore, count: u64) {
        let left = self.listed(store).await;
        let before = self.points.len();
        self.points.retain(|id, _| left.contains(id));
        assert_eq!((before - self.points.len()) as u64, count);
        assert!(self.heads.values().all(|head| left.contains(head)));
    }

    /// Every checkpoint of the store is as it was recorded, and none is missing.
    pub(crate) async fn compare(&self, store: &SqliteStore) {
        assert_eq!(
            self.listed(store).await,
            self.points.keys().copied().collect()
        );
        for (ns, head) in &self.heads {
            let saved = store.load(&self.key, ns, At::Head).await.unwrap().unwrap();
            assert_eq!(saved.checkpoint.id, *head);
        }
        // Long transcripts are read at every so manieth checkpoint; states at each.
        let stride = self.points.len() / 200 + 1;
        for (at, (id, point)) in self.points.iter().enumerate() {
            let saved = store
                .load(&self.key, &point.ns, At::Id(*id))
                .await
                .unwrap()
                .unwrap();
            let mut channels: Vec<_> = saved
                .channels
                .iter()
                .map(|(name, value)| (&**name, value.clone()))
                .collect();
            channels.sort_by_key(|(name, _)| *name);
            let mut expected = vec![(TRANSCRIPT, ChannelValue::List(point.live.clone()))];
            expected.extend(
                point
                    .value
                    .map(|value| ("value", ChannelValue::Value(json(&value.to_string())))),
            );
            assert_eq!(channels, expected, "checkpoint {id}");
            if point.ns.is_root() && at % stride == 0 {
                let query = ReadMessages {
                    at: Some(*id),
                    ..ReadMessages::default()
                };
                let messages = store.messages(&self.key, query).await.unwrap();
                let said: Vec<_> = messages.into_iter().map(|one| (one.id, one.body)).collect();
                let all: Vec<_> = point
                    .all
                    .iter()
                    .map(|one| (one.id.as_deref().unwrap().to_owned(), one.body.clone()))
                    .collect();
                assert_eq!(said, all, "checkpoint {id}");
            }
        }
    }
}
