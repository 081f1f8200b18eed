//! What this process has used.

/// Seconds of processor time, of all its threads; 0 where the system has no `/proc`.
pub fn cpu_seconds() -> f64 {
    const TICKS: f64 = 100.0; // a second, on every Linux of today
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name before may hold blanks, but ends with the last parenthesis.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>()
        / TICKS
}

/// The most memory that it has had in use, in bytes; `None` where the system does not say.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}
