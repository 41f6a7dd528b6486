//! History against what plain arithmetic says of the same samples.

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;

use super::{MINUTES, QUARTERS, RAW_MS, Range, Sample, cell::Cell};
use crate::{
    clock::Clock,
    store::{
        Limits, Store,
        limits::{DAY_MS, HOUR_MS, MINUTE_MS},
    },
};

/// Start of a day, long before now, so that no test depends on when it runs.
const START_MS: i64 = 20_000 * DAY_MS;

fn open(dir: &Path) -> Store {
    Store::open(dir, Clock, Limits::default()).unwrap()
}

fn sample(entity: &str, t_ms: i64, value: f64) -> Sample {
    Sample { entity: entity.into(), metric: "cpu", t_ms, value }
}

/// Steady ten-second samples of one series, value by time.
fn steady(entity: &str, from_ms: i64, to_ms: i64) -> Vec<Sample> {
    (from_ms..to_ms)
        .step_by(usize::try_from(RAW_MS).unwrap())
        .map(|t_ms| sample(entity, t_ms, figure_at(t_ms)))
        .collect()
}

fn figure_at(t_ms: i64) -> f64 {
    f64::from(i32::try_from(t_ms / RAW_MS % 977).unwrap()) / 977.0
}

fn brute(samples: &BTreeMap<i64, f64>, step_ms: i64, from_ms: i64, to_ms: i64) -> BTreeMap<i64, Cell> {
    let mut lists: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (t_ms, value) in samples {
        let bucket = t_ms.div_euclid(step_ms) * step_ms;
        if bucket + step_ms > from_ms && bucket < to_ms {
            lists.entry(bucket).or_default().push(*value);
        }
    }
    let cell = |values: Vec<f64>| Cell {
        min: values.iter().copied().fold(f64::INFINITY, f64::min),
        mean: values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap()),
        max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        n: u32::try_from(values.len()).unwrap(),
    };
    lists.into_iter().map(|(t, values)| (t, cell(values))).collect()
}

/// Equal up to the bits that are kept: each of two packings rounds once.
fn assert_same(range: &Range, expected: &BTreeMap<i64, Cell>, scale: f64) -> Result<(), TestCaseError> {
    let times: Vec<i64> = range.buckets.iter().map(|b| b.t_ms).collect();
    prop_assert_eq!(times, expected.keys().copied().collect::<Vec<_>>());
    for bucket in &range.buckets {
        let cell = expected[&bucket.t_ms];
        prop_assert_eq!(bucket.n, cell.n, "samples of {}", bucket.t_ms);
        for (got, want) in [(bucket.min, cell.min), (bucket.mean, cell.mean), (bucket.max, cell.max)] {
            prop_assert!((got - want).abs() <= scale * 5e-4, "{got} is not {want}");
        }
        prop_assert!(bucket.min <= bucket.mean && bucket.mean <= bucket.max);
    }
    Ok(())
}

/// Hours since the start, minutes into the hour, value: clustered, so that minutes and quarters hold several.
fn any_samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let moment =
        (0..30i64, 0..60i64, 0..60_000i64).prop_map(|(h, m, ms)| h * HOUR_MS + m / 7 * 7 * MINUTE_MS + ms);
    proptest::collection::vec((moment, 0.0..1000.0f64), 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    /// Appends in any order and portions, packing at any time and again, with restarts between.
    #[test]
    fn packed_or_not_a_query_says_what_the_samples_say(
        given in any_samples(),
        portion in 1..80usize,
        asked in proptest::collection::vec((0..30 * HOUR_MS, 1..30 * HOUR_MS, 1..500i64), 6),
        packed_after_hours in proptest::collection::vec(1..32i64, 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut store = open(dir.path());
            // In order of time, as a clock brings them; the hour being packed gets no late samples here.
            let mut given = given;
            given.sort_by_key(|(t, _)| *t);
            let mut known = BTreeMap::new();
            let mut packs = packed_after_hours;
            packs.sort_unstable();
            let mut packs = packs.into_iter().peekable();
            for part in given.chunks(portion) {
                let batch = part.iter().map(|(t, v)| sample("node/pve", START_MS + t, *v)).collect();
                store.history().append(batch).await.unwrap();
                for (t, v) in part {
                    known.insert((START_MS + t) / RAW_MS * RAW_MS, *v);
                }
                let reached = part.last().unwrap().0;
                while packs.next_if(|h| h * HOUR_MS < reached).is_some() {
                    store.history().pack_at(START_MS + reached).await.unwrap();
                    store.close().await.unwrap();
                    store = open(dir.path());
                    store.history().pack_at(START_MS + reached).await.unwrap();
                }
            }
            let now_ms = START_MS + 31 * HOUR_MS;
            for (from, length, points) in asked {
                let length = length.min(31 * HOUR_MS - from);
                let (from_ms, to_ms) = (START_MS + from, START_MS + from + length);
                let range = store.history().query_at(now_ms, "node/pve", "cpu", from_ms..to_ms, points).await.unwrap();
                prop_assert!(range.step_ms * points >= length, "{} steps of {} ms", points, range.step_ms);
                assert_same(&range, &brute(&known, range.step_ms, from_ms, to_ms), 1000.0)?;
            }
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packing_again_changes_no_byte_also_when_raw_samples_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.history().append(steady("node/pve", START_MS, START_MS + 3 * HOUR_MS)).await.unwrap();
    let now_ms = START_MS + 3 * HOUR_MS + 5 * MINUTE_MS;
    assert_eq!(store.history().pack_at(now_ms).await.unwrap(), 3);
    assert_eq!(store.history().pack_at(now_ms).await.unwrap(), 0, "nothing is left to pack");
    let chunks = all_chunks(&store).await;
    assert_eq!(chunks.len(), 4, "three hours and a day");
    // A few samples come again, as after a clock that went back.
    store.history().append(steady("node/pve", START_MS, START_MS + MINUTE_MS)).await.unwrap();
    store.history().retain_at(now_ms).await.unwrap();
    store.close().await.unwrap();
    let store = open(dir.path());
    assert!(store.history().pack_at(now_ms).await.unwrap() > 0, "a start packs what it finds");
    assert_eq!(all_chunks(&store).await, chunks);
}

async fn all_chunks(store: &Store) -> Vec<(i32, i64, i64, Vec<u8>)> {
    use diesel::prelude::*;
    store.read("test", |conn| Ok(crate::store::schema::history_chunks::table.load(conn)?)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_sample_of_ten_seconds_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let twice = vec![sample("node/a", START_MS + 1, 1.0), sample("node/a", START_MS + 9_999, 2.0)];
    store.history().append(twice).await.unwrap();
    store.history().append(vec![sample("node/b", START_MS, 5.0)]).await.unwrap();
    let now_ms = START_MS + MINUTE_MS;
    let range = store.history().query_at(now_ms, "node/a", "cpu", START_MS..now_ms, 100).await.unwrap();
    assert_eq!(range.step_ms, RAW_MS);
    assert_eq!(range.buckets.len(), 1);
    assert_eq!((range.buckets[0].t_ms, range.buckets[0].max, range.buckets[0].n), (START_MS, 2.0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_step_follows_what_is_kept_and_a_gap_stays_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let days = 10;
    for day in 0..days {
        let start_ms = START_MS + day * DAY_MS;
        // Three hours a day; the rest is silence.
        store.history().append(steady("qemu/100", start_ms, start_ms + 3 * HOUR_MS)).await.unwrap();
        store.history().pack_at(start_ms + 4 * HOUR_MS).await.unwrap();
    }
    let now_ms = START_MS + (days - 1) * DAY_MS + 4 * HOUR_MS;
    store.history().retain_at(now_ms).await.unwrap();
    let ask = async |from_ms, to_ms, points| {
        store.history().query_at(now_ms, "qemu/100", "cpu", from_ms..to_ms, points).await.unwrap()
    };
    let week_ago = now_ms - 6 * DAY_MS;
    assert_eq!(ask(now_ms - HOUR_MS, now_ms, 1_000).await.step_ms, RAW_MS);
    assert_eq!(ask(week_ago, week_ago + HOUR_MS, 1_000).await.step_ms, MINUTE_MS);
    let all = ask(START_MS, now_ms, 2_000).await;
    assert_eq!(all.step_ms, QUARTERS.cell_ms);
    assert_eq!(all.buckets.len(), usize::try_from(days * 12).unwrap());
    let quarter_samples = u32::try_from(QUARTERS.cell_ms / RAW_MS).unwrap();
    assert!(all.buckets.iter().all(|b| b.n == quarter_samples && b.t_ms % DAY_MS < 3 * HOUR_MS));
    let unknown = store.history().query("qemu/999", "cpu", START_MS, now_ms, 10).await.unwrap();
    assert!(unknown.buckets.is_empty());
    assert!(ask(now_ms, now_ms - 1, 10).await.buckets.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stays_longer_than_its_tier_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { minute_keep_ms: 2 * DAY_MS, quarter_keep_ms: 4 * DAY_MS, ..Limits::default() };
    let store = Store::open(dir.path(), Clock, limits).unwrap();
    for hour in 0..7 * 24 {
        let start_ms = START_MS + hour * HOUR_MS;
        store.history().append(steady("node/pve", start_ms, start_ms + 5 * MINUTE_MS)).await.unwrap();
    }
    let now_ms = START_MS + 7 * DAY_MS + MINUTE_MS;
    store.history().pack_at(now_ms).await.unwrap();
    let kept = store.history().retain_at(now_ms).await.unwrap();
    assert!(kept.aged_rows > 0 && kept.squeezed_rows == 0);
    let chunks = all_chunks(&store).await;
    let starts = |id| chunks.iter().filter(move |c| c.0 == id).map(|c| c.1).collect::<Vec<_>>();
    assert_eq!(starts(MINUTES.id).len(), 2 * 24);
    assert!(starts(MINUTES.id).iter().all(|start| start + HOUR_MS > now_ms - limits.minute_keep_ms));
    assert_eq!(starts(QUARTERS.id).len(), 4);
    // Raw samples stay for one to two hours.
    let raw = store
        .read("test", |conn| {
            use diesel::prelude::*;
            let table = crate::store::schema::history_raw::table;
            Ok(table
                .select(diesel::dsl::min(crate::store::schema::history_raw::t_ms))
                .first::<Option<i64>>(conn)?)
        })
        .await
        .unwrap();
    assert!(raw.is_none_or(|t_ms| t_ms >= now_ms - 2 * HOUR_MS), "{raw:?}");
    // Long after the last sample the series goes too, and comes back with its name.
    let later_ms = now_ms + 6 * DAY_MS;
    let kept = store.history().retain_at(later_ms).await.unwrap();
    assert_eq!((kept.series, store.history().series_count().await.unwrap()), (1, 0));
    assert!(all_chunks(&store).await.is_empty());
    store.history().append(steady("node/pve", later_ms, later_ms + MINUTE_MS)).await.unwrap();
    assert_eq!(store.history().series_count().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_its_size_the_oldest_coarsest_goes_first_and_the_feed_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { history_bytes_max: 250_000, ..Limits::default() };
    let store = Store::open(dir.path(), Clock, limits).unwrap();
    for hour in 0..5 * 24 {
        let start_ms = START_MS + hour * HOUR_MS;
        let batch = (0..20).flat_map(|n| {
            let entity = format!("qemu/{}", 100 + n);
            steady(&entity, start_ms, start_ms + 20 * MINUTE_MS)
        });
        store.history().append(batch.collect()).await.unwrap();
        store.history().pack_at(start_ms + HOUR_MS + MINUTE_MS).await.unwrap();
    }
    let now_ms = START_MS + 5 * DAY_MS;
    let kept = store.history().retain_at(now_ms).await.unwrap();
    assert!(kept.bytes > limits.history_bytes_max && kept.squeezed_rows > 0, "{kept:?}");
    let again = store.history().retain_at(now_ms).await.unwrap();
    assert!(again.bytes <= limits.history_bytes_max, "{again:?}");
    let chunks = all_chunks(&store).await;
    let quarters = chunks.iter().filter(|c| c.0 == QUARTERS.id).count();
    let minutes: Vec<i64> = chunks.iter().filter(|c| c.0 == MINUTES.id).map(|c| c.1).collect();
    assert_eq!(quarters, 0, "coarse days go before the first minute does");
    assert!(!minutes.is_empty() && minutes.iter().all(|t| *t > START_MS), "then the oldest hours");
    let told = store.events().after(0, 10).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].title.contains("size limit"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_beyond_the_limit_and_numbers_that_are_none_are_refused_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { series_max: 130, ..Limits::default() };
    let store = Store::open(dir.path(), Clock, limits).unwrap();
    let mut batch: Vec<Sample> =
        (0..200).map(|n| sample(&format!("qemu/{}", 100 + n), START_MS, f64::from(n))).collect();
    batch.push(sample("node/a", START_MS, f64::NAN));
    batch.push(sample("", START_MS, 1.0));
    let done = store.history().append(batch.clone()).await.unwrap();
    assert_eq!((done.stored, done.refused), (130, 72));
    assert_eq!(store.history().append(batch).await.unwrap(), done);
    store.close().await.unwrap();
    let store = open(dir.path());
    assert_eq!(store.history().series_count().await.unwrap(), 130);
    // Names are ordered as texts: the first 130 of them got in, and each kept its own value over two shards.
    for n in [0, 64, 127, 129] {
        let entity = format!("qemu/{}", 100 + n);
        let range =
            store.history().query_at(START_MS, &entity, "cpu", START_MS..START_MS + 1, 1).await.unwrap();
        assert_eq!(range.buckets[0].mean, f64::from(n), "{entity}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_of_maintenance_may_run_at_any_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let now_ms = Clock.now_ms();
    store.history().append(steady("node/pve", now_ms - 5 * HOUR_MS, now_ms)).await.unwrap();
    let done = store.maintain().await.unwrap();
    assert!(done.hours_packed >= 4 && done.history.is_some_and(|kept| kept.aged_rows > 0), "{done:?}");
    let again = store.maintain().await.unwrap();
    assert_eq!(again.hours_packed, 0);
    let range = store.history().query("node/pve", "cpu", now_ms - 5 * HOUR_MS, now_ms, 300).await.unwrap();
    let samples: u32 = range.buckets.iter().map(|b| b.n).sum();
    assert!((1_799..=1_801).contains(&samples), "{samples}");
}
