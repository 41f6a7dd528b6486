//! A large cluster still answers.

use std::time::Duration;

use crate::{Lab, options};

#[tokio::test]
async fn fifty_nodes_with_ten_thousand_guests_answer_within_seconds_even_unoptimised() {
    let mut large = options(0.02);
    (large.nodes, large.guests) = (Some(50), Some(10_000));
    let lab = Lab::with(large).await;
    let first_node = lab.running.ready.nodes[0].name.clone();
    let first = lab.ask(&first_node, "full", reqwest::Method::GET, "/cluster/resources", &[]).await;
    assert_eq!(first.status, 200);
    let got = lab.ask(&first_node, "full", reqwest::Method::GET, "/cluster/resources", &[]).await;
    let rows = got.data().as_array().unwrap().len();
    assert_eq!(rows, 10_000 + 50 + 200 + 50);
    println!("{rows} rows, {} bytes, first {:?}, then {:?}", got.text.len(), first.took, got.took);
    assert!(got.took < Duration::from_secs(3), "{:?}", got.took);
}
