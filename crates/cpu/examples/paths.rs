//! Prints the paths that this machine can take, slowest first, and those that it cannot: a name and `yes` or `no` a line.

use wkv7_cpu::Path;

fn main() {
    for path in Path::ALL {
        println!("{path} {}", if path.is_available() { "yes" } else { "no" });
    }
}
