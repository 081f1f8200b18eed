//! The report for people.

use super::measure::Kind;
use super::report::{Figure, Load, Report, Roof};
use super::soak::{Part, Soak};
use crate::terminal::table::{Grid, Table, bytes, count};

/// The tables of `report`, one below the other.
pub fn render(report: &Report) -> String {
    let mut parts = vec![
        facts(report).to_string(),
        loads(report).to_string(),
        packed(report).to_string(),
        ceilings(report).to_string(),
        speeds(report).to_string(),
    ];
    parts.extend(report.soak.as_ref().map(|soak| soaked(soak).to_string()));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn facts(report: &Report) -> Table {
    let (model, mut table) = (&report.model, Table::default());
    let cores = report.machine.cores;
    let plural = if cores == 1 { "" } else { "s" };
    table.row("wkv7", report.version).row("date", &report.date);
    table.row("machine", format!("{}, {cores} core{plural}", report.machine.cpu));
    table.row("model", model.path.display()).row("size", bytes(model.file_bytes));
    table.row("parameters", count(model.parameters));
    table.row("layers", model.layers).row("channels", model.channels).row("vocab", model.vocab);
    for (dtype, size) in &model.dtypes {
        table.row(format!("weights {dtype}"), bytes(*size));
    }
    table.row("read per token", format!("{}, where nothing is skipped", bytes(report.bytes_per_token)));
    let million = report.operations_per_token as f64 / 1e6;
    table.row("work per token", format!("{million:.1} million operations in the layers"));
    table
}

fn loads(report: &Report) -> Grid<7> {
    let mut grid = Grid::new(
        ["backend", "kernels", "threads", "load s", "first token s", "peak memory", "ffn zeros"],
        2, // names
    );
    for load in &report.loads {
        let Load { backend, threads, load_seconds, first_token_seconds, kernels, .. } = load;
        grid.row([
            (*backend).to_owned(),
            kernels.clone(),
            threads.to_string(),
            format!("{load_seconds:.3}"),
            format!("{first_token_seconds:.3}"),
            load.peak_bytes.map(bytes).unwrap_or_default(),
            percent(load.ffn_sparsity),
        ]);
    }
    grid
}

fn packed(report: &Report) -> Grid<5> {
    let mut grid = Grid::new(["backend", "packed", "threads", "memory", "s"], 2);
    for load in &report.loads {
        for packed in &load.packed {
            grid.row([
                load.backend.to_owned(),
                packed.what.clone(),
                load.threads.to_string(),
                bytes(packed.bytes),
                format!("{:.3}", packed.seconds),
            ]);
        }
    }
    grid
}

fn ceilings(report: &Report) -> Grid<7> {
    let head = ["at best", "threads", "read GB/s", "f32 Gop/s", "int8 Gop/s", "int16 Gop/s", "bf16 Gop/s"];
    let mut grid = Grid::new(head, 1);
    let giga = |speed: f64| format!("{:.1}", speed / 1e9);
    for Roof { device, threads, read_bytes_per_second, fma_flops, int8_ops, int16_ops, bf16_flops, .. } in
        &report.ceilings
    {
        let some = |speed: &Option<f64>| speed.map(giga).unwrap_or_default();
        grid.row([
            device.clone().unwrap_or_else(|| "machine".to_owned()),
            if device.is_none() { threads.to_string() } else { String::new() },
            giga(*read_bytes_per_second),
            giga(*fma_flops),
            some(int8_ops),
            some(int16_ops),
            some(bf16_flops),
        ]);
    }
    grid
}

fn speeds(report: &Report) -> Grid<10> {
    let head =
        ["speed", "backend", "threads", "tokens/s", "lowest", "highest", "memory", "f32", "int8", "bf16"];
    let mut grid = Grid::new(head, 2);
    for figure in &report.results {
        let Figure { threads, tokens_per_second: speed, .. } = figure;
        grid.row([
            name(figure),
            figure.backend.to_owned(),
            threads.to_string(),
            tokens_per_second(speed.median),
            tokens_per_second(speed.low),
            tokens_per_second(speed.high),
            percent(figure.bandwidth_share),
            percent(figure.fma_share),
            percent(figure.int8_share),
            percent(figure.bf16_share(report)),
        ]);
    }
    grid
}

fn name(figure: &Figure) -> String {
    let count = figure.tokens;
    match figure.kind {
        Kind::Decode => "decode".to_owned(),
        Kind::Prefill => format!("prefill {count}"),
        Kind::Batch => format!("batch {count}"),
    }
}

fn soaked(soak: &Soak) -> Table {
    let mut table = Table::default();
    let part = |part: &Part| {
        let memory = part.resident_bytes.map(|resident| format!(", {} resident", bytes(resident)));
        format!("{} tokens/s{}", tokens_per_second(part.tokens_per_second), memory.unwrap_or_default())
    };
    table.row("soak", format!("{} tokens", count(soak.tokens as u64)));
    table.row("first thousand", part(&soak.first)).row("last thousand", part(&soak.last));
    table.row("another's first, in turns", part(&soak.fresh));
    table.row("last / another's first", format!("{:.3}", soak.ratio));
    table
}

/// Three digits at least.
fn tokens_per_second(speed: f64) -> String {
    match speed {
        100.0.. => count(speed.round() as u64),
        10.0.. => format!("{speed:.1}"),
        _ => format!("{speed:.2}"),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map(|share| format!("{:.1} %", 100.0 * share)).unwrap_or_default()
}
