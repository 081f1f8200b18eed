//! Memory that this process has resident, where the system tells.

/// The most memory that was resident since [`forget_peak`]; `None` where the system does not tell.
pub fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// Memory resident now.
pub fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

/// Lets the peak begin anew; false where the system does not let us.
pub fn forget_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok() // 5: only the peak
}

/// A line of Linux's account of this process, which it gives in KiB.
fn status(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}
