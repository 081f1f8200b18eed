//! `wkv7 devices`: the graphics cards that `--backend wgpu` may use.

use clap::Args;
use serde::Serialize;
use wkv7::Device;

use crate::terminal::output;
use crate::terminal::table::{Grid, bytes};

/// List the graphics cards of this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Devices {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 devices
  wkv7 generate model.pth \"Once\" --backend wgpu
  wkv7 generate model.pth \"Once\" --backend wgpu:1
  wkv7 generate model.pth \"Once\" --backend wgpu:radeon

Without an index or a name, wgpu takes the best card and never a software adapter.";

/// Said where the list is empty.
const NO_BACKEND: &str = "this build has no backend for graphics cards; build it with `--features wgpu`";
const NO_DRIVER: &str = "no graphics card, or no driver of one (Vulkan, Metal, DirectX 12)";

#[derive(Serialize)]
struct List {
    devices: Vec<Device>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'static str>,
}

impl Devices {
    pub fn run(self) -> anyhow::Result<()> {
        let found = wkv7::devices();
        let remark = match &found {
            None => Some(NO_BACKEND),
            Some(devices) if devices.is_empty() => Some(NO_DRIVER),
            Some(_) => None,
        };
        let list = List { devices: found.unwrap_or_default(), remark };
        if self.json {
            return output::json(&list);
        }
        Ok(output::print(list.text())?)
    }
}

impl List {
    fn text(&self) -> String {
        if let Some(remark) = self.remark {
            return format!("{remark}\n");
        }
        let head = ["index", "name", "kind", "api", "driver", "features", "memory"];
        let mut grid = Grid::new(head, 6);
        for device in &self.devices {
            grid.row([
                device.index.to_string(),
                device.name.clone(),
                device.kind.to_owned(),
                device.api.clone(),
                device.driver.clone(),
                device.features.join(" "),
                device.memory.map(bytes).unwrap_or_default(),
            ]);
        }
        grid.to_string()
    }
}
