//! The daemon against a Proxmox API that nobody here wrote.

use jarvis_tests::fakepve::Fakepve;
use serde_json::json;

#[tokio::test]
async fn fakepve_starts() {
    let guests = json!([{"vmid": 100, "name": "web", "node": "pve1", "status": "running"}, {"vmid": 101, "name": "db", "node": "pve2", "type": "lxc", "status": "stopped"}]);
    let f = Fakepve::start(&guests).await.unwrap();
    println!("{} {}", f.url, f.token);
}
