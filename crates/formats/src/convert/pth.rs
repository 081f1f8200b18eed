//! Torch archives, as `torch.load` and the official trainer read them.

use std::path::Path;

use wkv7_core::Weights;

use super::item::Item;
use super::output::{Meter, Output};
use super::{Convert, Notes, Progress, Summary, check_rates, official};
use crate::Problem;
use crate::pth::write::{Planned, pickle};
use crate::pth::write_zip::ZipWriter;

/// The folder of all members, as torch names it where it knows no file name.
const ROOT: &str = "archive";

/// Writes `weights` as one archive with official names and shapes.
pub(super) fn write(
    weights: &Weights,
    out: &Path,
    options: &Convert,
    progress: Progress<'_>,
) -> Result<Summary, Problem> {
    check_rates(weights, options.target)?;
    let mut notes = Notes::default();
    let items = official::items(weights, options, &mut notes)?;
    let mut meter = Meter::new(&items, progress)?;
    let mut output = Output::beside(out)?;
    write_file(&items, &mut output, &mut meter)?;
    let summary = Summary::of(&items, notes.0);
    Ok(Summary { bytes: output.finish()?, ..summary })
}

/// Writes one archive of `items`, in their order.
pub(super) fn write_file(
    items: &[Item<'_>],
    output: &mut Output,
    meter: &mut Meter<'_>,
) -> Result<(), Problem> {
    let planned: Vec<Planned<'_>> = items
        .iter()
        .map(|item| Planned { name: item.name(), shape: item.shape(), dtype: item.dtype() })
        .collect();
    let mut zip = ZipWriter::default();
    small(&mut zip, output, "data.pkl", &pickle(&planned)?)?;
    small(&mut zip, output, "byteorder", b"little")?;
    for (key, item) in items.iter().enumerate() {
        output.put(&zip.open(&format!("{ROOT}/data/{key}"), item.bytes(), output.written()))?;
        meter.write(item, &mut |bytes| {
            zip.data(bytes);
            output.put(bytes)
        })?;
        output.put(&zip.close())?;
    }
    small(&mut zip, output, "version", b"3\n")?;
    output.put(&zip.end(output.written()))
}

fn small(zip: &mut ZipWriter, output: &mut Output, name: &str, data: &[u8]) -> Result<(), Problem> {
    output.put(&zip.open(&format!("{ROOT}/{name}"), data.len() as u64, output.written()))?;
    zip.data(data);
    output.put(data)?;
    output.put(&zip.close())
}
