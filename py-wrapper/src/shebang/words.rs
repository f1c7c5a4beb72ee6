//! Splits a command into words as sh and `env -S` do: blanks outside quotes, quotes, backslashes.

/// A word as it is written and as the program gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The bytes of the line, quotes included.
    pub(super) raw: Vec<u8>,
    /// The bytes without quotes and backslashes.
    pub(super) plain: Vec<u8>,
}

/// The words of `line`; `None` if a quote is left open.
pub(super) fn split(line: &[u8]) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let start = rest.iter().position(|&b| !is_blank(b));
        let Some(start) = start else {
            return Some(words);
        };
        let (word, after) = word(&rest[start..])?;
        words.push(word);
        rest = after;
    }
}

/// The first line without its newline, and what follows.
pub(super) fn take_line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == b'\n') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

/// A space or a tab: the end of a word to the kernel, sh and env.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn word(text: &[u8]) -> Option<(Word, &[u8])> {
    let mut plain = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (quote, byte) {
            (None, b) if is_blank(b) => break,
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), b) if b == open => quote = None,
            (None | Some(b'"'), b'\\') => {
                at += 1;
                plain.push(*text.get(at)?);
            }
            _ => plain.push(byte),
        }
        at += 1;
    }
    let raw = text[..at].to_vec();
    quote
        .is_none()
        .then_some((Word { raw, plain }, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> Option<Vec<String>> {
        let words = split(line.as_bytes())?;
        let text = |word: &Word| String::from_utf8(word.plain.clone()).unwrap();
        Some(words.iter().map(text).collect())
    }

    #[test]
    fn blanks_separate_words_and_quotes_hold_them_together() {
        assert_eq!(plain("a  b\tc ").unwrap(), ["a", "b", "c"]);
        assert_eq!(plain("'a b' \"c d\"e").unwrap(), ["a b", "c de"]);
        assert_eq!(plain(r#"a\ b '\' "\"""#).unwrap(), ["a b", r"\", "\""]);
        assert_eq!(plain("").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_line_with_an_open_quote_is_refused() {
        assert_eq!(plain("'a b"), None);
        assert_eq!(plain("a\\"), None);
    }

    #[test]
    fn a_word_keeps_its_spelling() {
        let words = split(b"A=\"x y\" python").unwrap();
        assert_eq!(words[0].raw, b"A=\"x y\"");
        assert_eq!(words[0].plain, b"A=x y");
    }
}
