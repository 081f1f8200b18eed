//! The list of what a header promises: one line for each function, constant, and field of a struct.

/// Declarations of `header`, sorted: what an older program relies on.
pub fn list(header: &str) -> String {
    let code = without_comments(header);
    let mut lines: Vec<String> = Vec::new();
    for item in items(&code) {
        let words = item.split_whitespace().collect::<Vec<_>>().join(" ");
        match item.split_once('{') {
            Some((head, rest)) => members(head.trim(), rest, &mut lines),
            None if words.to_lowercase().contains("wkv7_") && !words.starts_with("typedef struct") => {
                lines.push(words);
            }
            None => {}
        }
    }
    lines.sort();
    lines.dedup();
    lines.join("\n") + "\n"
}

/// Lines of `before` that `now` lacks. A struct's new field goes to its end, so that the lines of the old ones stay.
pub fn lost(before: &str, now: &str) -> Vec<String> {
    let there: std::collections::BTreeSet<&str> = now.lines().collect();
    before.lines().filter(|line| !there.contains(line)).map(str::to_owned).collect()
}

fn without_comments(header: &str) -> String {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, after)) = rest.split_once("/*") {
        code.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    // Of the preprocessor only the version of the ABI is a promise.
    let kept = |line: &&str| !line.starts_with('#') || line.contains("WKV7_ABI_VERSION ");
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines
        .filter(kept)
        .map(|line| if line.starts_with('#') { format!("{line};") } else { line.to_owned() })
        .fold(String::new(), |code, line| code + &line + "\n")
}

/// Text up to each semicolon that is in no braces.
fn items(code: &str) -> Vec<String> {
    let code = code.replace("extern \"C\" {", "").replace("}  \n", "");
    let (mut items, mut item, mut depth) = (Vec::new(), String::new(), 0_i32);
    for c in code.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth <= 0 => {
                depth = 0;
                items.push(std::mem::take(&mut item).trim().trim_start_matches('}').trim().to_owned());
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    items
}

/// Fields of a struct with their place, or constants of an enum with their number.
fn members(head: &str, rest: &str, lines: &mut Vec<String>) {
    let name = head.split(['{', ':']).next().unwrap_or(head).trim().trim_start_matches("typedef ").to_owned();
    let name = name.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let (body, after) = rest.rsplit_once('}').unwrap_or((rest, ""));
    let name = if name == "struct" || name == "enum" { format!("{name} {}", after.trim()) } else { name };
    let separator = if name.starts_with("enum") { ',' } else { ';' };
    let members = body.split(separator).map(|member| member.split_whitespace().collect::<Vec<_>>().join(" "));
    for (index, member) in members.filter(|member| !member.is_empty()).enumerate() {
        lines.push(format!("{name} [{index}] {member}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "
#define WKV7_ABI_VERSION 1
// a comment; with a semicolon
typedef struct wkv7_model wkv7_model;
enum wkv7_role
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // one
    ONE = 0,
    TWO = 1,
};
typedef int32_t wkv7_role;
typedef struct {
    size_t struct_size;
    /* the text */
    const char *text;
} wkv7_options;
#ifdef __cplusplus
extern \"C\" {
#endif
wkv7_status wkv7_open(const char *path,
                      wkv7_model **model);
";

    #[test]
    fn functions_fields_and_constants_are_listed() {
        let list = list(HEADER);
        for line in [
            "#define WKV7_ABI_VERSION 1",
            "enum wkv7_role [1] TWO = 1",
            "struct wkv7_options [0] size_t struct_size",
            "struct wkv7_options [1] const char *text",
            "typedef int32_t wkv7_role",
            "wkv7_status wkv7_open(const char *path, wkv7_model **model)",
        ] {
            assert!(list.lines().any(|found| found == line), "{line:?} in {list}");
        }
        assert!(!list.contains("comment"), "{list}");
    }

    #[test]
    fn what_disappears_or_changes_is_lost_and_what_is_added_is_not() {
        let grown = HEADER.replace("const char *text;", "const char *text;\n    int more;");
        assert_eq!(lost(&list(HEADER), &list(&grown)), Vec::<String>::new());
        let changed = HEADER.replace("TWO = 1", "TWO = 2").replace("size_t struct_size", "int struct_size");
        assert_eq!(
            lost(&list(HEADER), &list(&changed)),
            ["enum wkv7_role [1] TWO = 1", "struct wkv7_options [0] size_t struct_size"]
        );
    }
}
