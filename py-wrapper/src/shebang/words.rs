//! Splits a command into words as sh and `env -S` do: blanks outside quotes, quotes, backslashes.

/// A word as it is written and as the program gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The bytes of the line, quotes included.
    pub(super) raw: Vec<u8>,
    /// The bytes without quotes and backslashes.
    pub(super) plain: Vec<u8>,
}

/// The words of `line`; nothing where a quote is left open.
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

/// A space or a tab: what the kernel, sh and env take for the end of a word.
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
    fn blanks_part_words_and_quotes_hold_them() {
        assert_eq!(plain("a  b\tc ").unwrap(), ["a", "b", "c"]);
        assert_eq!(plain("'a b' \"c d\"e").unwrap(), ["a b", "c de"]);
        assert_eq!(plain(r#"a\ b '\' "\"""#).unwrap(), ["a b", r"\", "\""]);
        assert_eq!(plain("").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_open_quote_is_no_line() {
        assert_eq!(plain("'a b"), None);
        assert_eq!(plain("a\\"), None);
    }

    #[test]
    fn a_word_keeps_the_way_it_is_written() {
        let words = split(b"A=\"x y\" python").unwrap();
        assert_eq!(words[0].raw, b"A=\"x y\"");
        assert_eq!(words[0].plain, b"A=x y");
    }
}
