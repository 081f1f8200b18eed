//! `devices`, and naming one.

use crate::run::{model, wkv7};

#[test]
fn the_list_is_there_or_says_why_not() {
    let list = wkv7(["devices", "--json"]).ok().json();
    let devices = list["devices"].as_array().expect("a list");
    for device in devices {
        for field in ["name", "kind", "api", "driver"] {
            assert!(device[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {device}");
        }
    }
    assert_eq!(devices.is_empty(), list["remark"].is_string(), "{list}");
    let text = wkv7(["devices"]).ok().text().to_owned();
    assert!(devices.is_empty() || text.contains(devices[0]["name"].as_str().expect("a name")), "{text}");
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn a_build_without_the_backend_says_how_to_get_it_and_takes_no_device() {
    assert!(wkv7(["devices"]).ok().text().contains("--features wgpu"));
    let error = wkv7(["verify", model(), "--tokens", "1,2", "--backend", "wgpu:0"]).fails(2);
    assert!(error.contains("--backend"), "{error}");
}

#[cfg(feature = "wgpu")]
#[test]
fn a_device_is_named_by_index_or_name() {
    let list = wkv7(["devices", "--json"]).ok().json();
    let named =
        list["devices"].as_array().expect("a list").iter().find(|device| device["kind"] == "software");
    let Some(device) = wkv7_testkit::software_adapter(named) else { return };
    let name = device["name"].as_str().expect("a name").split(' ').next().expect("a word");
    for place in [device["index"].to_string(), name.to_uppercase()] {
        let backend = format!("wgpu:{place}");
        wkv7(["verify", model(), "--backend", &backend, "--tokens", "1,2,3"]).ok();
    }
}

#[cfg(feature = "wgpu")]
#[test]
fn a_device_is_measured_once_beside_what_it_can_do_itself() {
    let list = wkv7(["devices", "--json"]).ok().json();
    let software =
        list["devices"].as_array().expect("a list").iter().find(|device| device["kind"] == "software");
    let Some(device) = wkv7_testkit::software_adapter(software) else { return };
    if device["api"] == "vulkan" {
        assert!(device["memory"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{device}");
    }
    let backend = format!("wgpu:{}", device["index"]);
    let counts = ["--decode=2", "--prefill=4", "--batch=", "--repetitions=1", "--threads=1,2", "--json"];
    let report = wkv7(["bench", model(), "--backend", &backend]).with(counts).ok().json();
    let roofs = report["ceilings"].as_array().expect("a list");
    let devices: Vec<_> = roofs.iter().filter_map(|roof| roof.get("device")).collect();
    assert_eq!((roofs.len(), devices), (3, vec![&device["name"]]));
    let results = report["results"].as_array().expect("a list");
    assert_eq!(results.len(), 2, "{results:?}");
    let roof = roofs.iter().find(|roof| roof["backend"] == "wgpu").expect("found above");
    let decode = results.iter().find(|result| result["kind"] == "decode").expect("was asked for");
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let bytes = number(&decode["tokens_per_second"]["median"]) * number(&report["bytes_per_token"]);
    let share = bytes / number(&roof["read_bytes_per_second"]);
    assert!((number(&decode["bandwidth_share"]) / share - 1.0).abs() < 1e-9, "{decode} {roof}");
}

#[cfg(feature = "wgpu")]
#[test]
fn a_driver_that_is_not_there_is_said_and_the_cpu_goes_on() {
    let without = |arguments: &[&str]| {
        let mut command = wkv7(arguments).into_command();
        for variable in ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"] {
            command.env(variable, "/nowhere/driver.json");
        }
        command.output().expect("wkv7 ends")
    };
    let list = without(&["devices"]);
    assert!(list.status.success());
    if cfg!(target_os = "linux") {
        assert!(String::from_utf8_lossy(&list.stdout).contains("no driver"), "{list:?}");
    }
    assert!(without(&["verify", model(), "--tokens", "1,2"]).status.success());
}

/// A library that is none lies where the loader would be.
#[cfg(all(feature = "wgpu", target_os = "linux"))]
#[test]
fn without_the_loader_of_drivers_the_command_starts_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["libvulkan.so.1", "libvulkan.so"] {
        std::fs::write(folder.path().join(name), "no library").expect("written");
    }
    let without = |arguments: &[&str]| {
        wkv7(arguments).into_command().env("LD_LIBRARY_PATH", folder.path()).output().expect("wkv7 ends")
    };
    let list = without(&["devices"]);
    assert!(list.status.success() && String::from_utf8_lossy(&list.stdout).contains("no driver"), "{list:?}");
    let named = without(&["verify", model(), "--tokens", "1,2", "--backend", "wgpu"]);
    assert!(
        !named.status.success() && String::from_utf8_lossy(&named.stderr).contains("no driver"),
        "{named:?}"
    );
    assert!(without(&["verify", model(), "--tokens", "1,2"]).status.success());
}
