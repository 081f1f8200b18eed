//! Prints the paths that there are: a name a line, and `chosen`, `yes` for another that this machine can take, or `no`.

use wkv7_cpu::Path;

fn main() {
    let chosen = Path::choose().ok();
    for path in Path::ALL {
        let answer = match path {
            _ if chosen == Some(path) => "chosen",
            _ if path.is_available() => "yes",
            _ => "no",
        };
        println!("{path} {answer}");
    }
}
