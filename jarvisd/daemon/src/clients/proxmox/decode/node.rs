//! `GET /nodes/{node}/status`: load, swap, kernel.

use jarvis_core::cluster::NodeName;
use jarvis_core::cluster::reading::NodeDetail;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Field;
use super::{Decoded, Oddities, Unreadable, guest, start};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    loadavg: Option<&'a RawValue>,
    wait: Field<f64>,
    #[serde(borrow)]
    swap: Option<&'a RawValue>,
    #[serde(borrow)]
    cpuinfo: Option<&'a RawValue>,
    #[serde(borrow, rename = "current-kernel")]
    kernel: Option<&'a RawValue>,
    kversion: Field<String>,
    pveversion: Field<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Swap {
    used: Field<u64>,
    total: Field<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CpuInfo {
    model: Field<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kernel {
    release: Field<String>,
}

pub(in super::super) fn node_detail(
    data: &RawValue,
    node: &NodeName,
) -> Result<Decoded<NodeDetail>, Unreadable> {
    let f: Fields<'_> =
        serde_json::from_str(data.get()).map_err(|_| format!("not a node's status: {}", start(data)))?;
    let mut odd = Oddities::default();
    let swap: Swap = part(f.swap, "swap", &mut odd);
    let cpu: CpuInfo = part(f.cpuinfo, "cpuinfo", &mut odd);
    let kernel: Kernel = part(f.kernel, "current-kernel", &mut odd);
    let release = kernel.release.read("current-kernel.release", &mut odd);
    let version = f.pveversion.read("pveversion", &mut odd);
    let value = NodeDetail {
        node: node.clone(),
        load: load(f.loadavg, &mut odd),
        iowait: f.wait.read("wait", &mut odd).and_then(|share| guest::ratio(share, "wait", &mut odd)),
        swap_used_bytes: swap.used.read("swap.used", &mut odd),
        swap_total_bytes: swap.total.read("swap.total", &mut odd),
        cpu_model: cpu.model.read("cpuinfo.model", &mut odd),
        kernel: release.or(f.kversion.read("kversion", &mut odd)),
        // `pve-manager/9.2.11/14a22df3`
        pve_version: version.map(|v| v.split('/').nth(1).map_or_else(|| v.clone(), str::to_owned)),
    };
    Ok(Decoded { value, odd_rows: u32::from(odd.first.is_some()), first_odd: odd.first })
}

fn part<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>, name: &str, odd: &mut Oddities) -> T {
    let Some(raw) = raw else { return T::default() };
    serde_json::from_str(raw.get()).unwrap_or_else(|_| {
        odd.note(name);
        T::default()
    })
}

/// Three numbers, usually as texts.
fn load(raw: Option<&RawValue>, odd: &mut Oddities) -> Option<[f64; 3]> {
    let three: Vec<Field<f64>> = part(raw, "loadavg", odd);
    let read: Vec<f64> = three.into_iter().filter_map(|f| f.read("loadavg", odd)).collect();
    let load = <[f64; 3]>::try_from(read).ok();
    if load.is_none() && raw.is_some() {
        odd.note("loadavg");
    }
    load
}
