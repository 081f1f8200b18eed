//! A path is taken as named, or refused in words that help.

use wkv7_core::{Backend, LoadOptions};
use wkv7_cpu::{Cpu, Path};
use wkv7_testkit::TinyModel;

#[test]
fn a_path_is_taken_or_refused_by_name() {
    let weights = TinyModel::default().weights();
    for path in Path::ALL {
        match Cpu::with_path(path).load(&weights, &LoadOptions::default()) {
            Ok(model) => {
                assert!(path.is_available(), "{path}");
                assert_eq!(model.report().kernels, path.name());
            }
            Err(error) => {
                assert!(!path.is_available(), "{path}: {error}");
                let (error, name) = (error.to_string(), format!("path `{path}`"));
                let helps =
                    ["backend `cpu` is not available", "this machine", &name, "WKV7_CPU", "`portable`"];
                assert!(helps.iter().all(|part| error.contains(part)), "{error}");
            }
        }
    }
}
