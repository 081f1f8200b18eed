//! Cleaning what goes into a turn.

/// The official cleaning of a user's text: CR LF becomes LF, several newlines become one, blanks at both
/// ends go.
///
/// "\n\n" separates turns, so it must not occur inside one.
#[must_use]
pub fn clean(text: &str) -> String {
    let text = unix(text);
    let mut cleaned = String::with_capacity(text.len());
    for character in text.trim().chars() {
        if character != '\n' || !cleaned.ends_with('\n') {
            cleaned.push(character);
        }
    }
    cleaned
}

/// LF for CR LF.
pub(super) fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// A past answer without its thinking: everything up to the last `</think>` goes, and so does thinking that
/// has not ended.
#[must_use]
pub fn strip_thinking(answer: &str) -> &str {
    if let Some((_, said)) = answer.rsplit_once("</think>") {
        return said.trim();
    }
    answer.split_once("<think").map_or(answer, |(before, _)| before).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_cleaned() {
        let table = [
            ("  hello \n", "hello"),
            ("a\r\nb", "a\nb"),
            ("a\r\n\r\n\r\nb", "a\nb"),
            ("a\n\n\n\nb\n\nc", "a\nb\nc"),
            ("a\n \nb", "a\n \nb"),
            ("", ""),
            ("\n\n", ""),
        ];
        for (text, want) in table {
            assert_eq!(clean(text), want, "{text:?}");
        }
    }

    #[test]
    fn thinking_is_dropped() {
        let table = [
            (" <think>because</think>\n42", "42"),
            ("<think>a</think> b <think>c</think> d", "d"),
            (" <think>still at it", ""),
            ("No. <think>still at it", "No."),
            (" plain answer", "plain answer"),
        ];
        for (text, want) in table {
            assert_eq!(strip_thinking(text), want, "{text:?}");
        }
    }
}
