//! A sorted list of pairs, for what is copied whole with every answer and looked up seldom: one piece of
//! memory, copied at one go. Where things come and go one by one a `BTreeMap` is better.

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V> Sorted<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(self.place(key).ok()?).map(|(_, v)| v)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.place(key).ok()?;
        self.0.get_mut(at).map(|(_, v)| v)
    }

    /// In the order of the keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, v)| v)
    }

    /// In the order of the keys.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, v)| v)
    }

    /// Puts many in at a time; a key that is there is replaced.
    pub fn extend(&mut self, new: impl IntoIterator<Item = (K, V)>) {
        let before = self.0.len();
        self.0.extend(new);
        if self.0.len() > before {
            // Stable, and quick where most is sorted already: of equal keys the new one comes last.
            self.0.sort_by_key(|(k, _)| *k);
            self.0.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    std::mem::swap(later, kept);
                }
                same
            });
        }
    }

    pub fn retain(&mut self, mut stays: impl FnMut(&K) -> bool) {
        self.0.retain(|(k, _)| stays(k));
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by_key(key, |(k, _)| *k)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_map_would(batches in prop::collection::vec(prop::collection::vec((0u8..30, any::<u8>()), 0..12), 0..6), gone in any::<u8>()) {
            let (mut sorted, mut map) = (Sorted::default(), BTreeMap::new());
            for batch in batches {
                sorted.extend(batch.clone());
                map.extend(batch);
                sorted.retain(|k| *k != gone);
                map.remove(&gone);
            }
            prop_assert!(sorted.values().eq(map.values()));
            for key in 0..31 {
                prop_assert_eq!(sorted.get(&key), map.get(&key));
                prop_assert_eq!(sorted.get_mut(&key), map.get_mut(&key));
            }
        }
    }
}
