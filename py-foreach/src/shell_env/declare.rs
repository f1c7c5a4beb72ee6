//! Reads what bash's `declare -p` prints: bash 4.3 to 5.3.
//!
//! `declare -FLAGS NAME="value"`, `NAME=([key]="value" …)`, and in bash 4.3 an array once more in quotes.
//! Values are in `"…"` with backslashes before `$`, `` ` ``, `"` and `\`, or in `$'…'`.

use std::collections::BTreeMap;

/// What a variable holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Declared and without a value.
    Nothing,
    Scalar(Vec<u8>),
    /// Of `declare -i`: what is added to it is no end of its text.
    Number(Vec<u8>),
    Indexed(BTreeMap<u64, Vec<u8>>),
    Associative(BTreeMap<Vec<u8>, Vec<u8>>),
}

/// The variables of a dump by their names; nothing where the text is not what bash prints.
pub(super) fn read(dump: &[u8]) -> Option<BTreeMap<String, Value>> {
    let mut rest = dump;
    let mut variables = BTreeMap::new();
    while let Some(after) = rest.strip_prefix(b"declare -") {
        let (flags, after) = split_at_byte(after, b' ')?;
        let end = after.iter().position(|&b| b == b'=' || b == b'\n')?;
        let name = std::str::from_utf8(&after[..end]).ok()?.to_owned();
        let mut text = Text(&after[end..]);
        let value = if text.eat(b"=") {
            text.value(flags)?
        } else {
            nothing(flags)
        };
        if !text.eat(b"\n") {
            return None;
        }
        rest = text.0;
        variables.insert(name, value);
    }
    rest.is_empty().then_some(variables)
}

fn nothing(flags: &[u8]) -> Value {
    match flags.first() {
        Some(b'a') => Value::Indexed(BTreeMap::new()),
        Some(b'A') => Value::Associative(BTreeMap::new()),
        _ => Value::Nothing,
    }
}

fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&b| b == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

/// What is still to be read.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn eat(&mut self, what: &[u8]) -> bool {
        let after = self.0.strip_prefix(what);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn value(&mut self, flags: &[u8]) -> Option<Value> {
        if self.0.starts_with(b"(") {
            return self.array(flags);
        }
        let word = self.word(b"\n")?;
        if !matches!(flags.first(), Some(b'a' | b'A')) {
            let is_number = flags.contains(&b'i');
            return Some(if is_number {
                Value::Number(word)
            } else {
                Value::Scalar(word)
            });
        }
        // bash 4.3 quotes the whole array.
        let mut inner = Text(&word);
        let value = inner.array(flags)?;
        inner.0.is_empty().then_some(value)
    }

    fn array(&mut self, flags: &[u8]) -> Option<Value> {
        let pairs = self.elements()?.into_iter();
        match flags.first() {
            Some(b'a') => {
                let number = |key: &[u8]| std::str::from_utf8(key).ok()?.parse().ok();
                let numbered = pairs.map(|(key, value)| Some((number(&key)?, value)));
                numbered.collect::<Option<_>>().map(Value::Indexed)
            }
            Some(b'A') => Some(Value::Associative(pairs.collect())),
            _ => None,
        }
    }

    /// `([key]=value [key]=value )`: an associative array has a blank before its end.
    fn elements(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut pairs = Vec::new();
        if !self.eat(b"(") {
            return None;
        }
        loop {
            while self.eat(b" ") {}
            if self.eat(b")") {
                return Some(pairs);
            }
            if !self.eat(b"[") {
                return None;
            }
            let key = self.word(b"]")?;
            if !self.eat(b"]=") {
                return None;
            }
            pairs.push((key, self.word(b" )")?));
        }
    }

    /// A word in any of bash's quotings, up to one of the bytes `stops` outside of them.
    fn word(&mut self, stops: &[u8]) -> Option<Vec<u8>> {
        let mut word = Vec::new();
        while let Some(&first) = self.0.first() {
            if stops.contains(&first) {
                break;
            }
            if self.eat(b"$'") {
                self.quotation(b'\'', &mut word, |text| {
                    text.ansi_escape().map(|byte| vec![byte])
                })?;
            } else if self.eat(b"\"") {
                self.quotation(b'"', &mut word, |text| match text.next()? {
                    byte @ (b'$' | b'`' | b'"' | b'\\') => Some(vec![byte]),
                    byte => Some(vec![b'\\', byte]),
                })?;
            } else if self.eat(b"'") {
                self.quotation(b'\'', &mut word, |_| Some(vec![b'\\']))?;
            } else {
                let byte = self.next()?;
                word.push(if byte == b'\\' { self.next()? } else { byte });
            }
        }
        Some(word)
    }

    /// The rest of a quotation up to `end`; `escape` reads what follows a backslash.
    fn quotation(
        &mut self,
        end: u8,
        word: &mut Vec<u8>,
        escape: impl Fn(&mut Self) -> Option<Vec<u8>>,
    ) -> Option<()> {
        loop {
            match self.next()? {
                byte if byte == end => return Some(()),
                b'\\' => word.extend(escape(self)?),
                byte => word.push(byte),
            }
        }
    }

    fn ansi_escape(&mut self) -> Option<u8> {
        Some(match self.next()? {
            b'a' => 0x07,
            b'b' => 0x08,
            b'e' | b'E' => 0x1b,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            digit @ b'0'..=b'7' => self.octal(digit),
            other => other,
        })
    }

    /// Up to three octal digits, the first of which has been read.
    fn octal(&mut self, first: u8) -> u8 {
        let mut value = u32::from(first - b'0');
        for _ in 0..2 {
            match self.0.first() {
                Some(&digit @ b'0'..=b'7') => {
                    value = value * 8 + u32::from(digit - b'0');
                    self.0 = &self.0[1..];
                }
                _ => break,
            }
        }
        (value & 0xff) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(dump: &[u8]) -> Value {
        let variables =
            read(dump).unwrap_or_else(|| panic!("{:?}", dump.escape_ascii().to_string()));
        variables.into_values().next().unwrap()
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(
            one(b"declare -- A=\"a \\\"b\\\" \\$c \\\\ \\`\n2\"\n"),
            Value::Scalar(b"a \"b\" $c \\ `\n2".into())
        );
        assert_eq!(
            one(b"declare -x A=$'a\\nb\\E\\'\\303\\2778'\n"),
            Value::Scalar(b"a\nb\x1b'\xc3\xbf8".into())
        );
        assert_eq!(one(b"declare -i A\n"), Value::Nothing);
        assert_eq!(one(b"declare -a A\n"), Value::Indexed(BTreeMap::new()));
        let indexed: BTreeMap<u64, Vec<u8>> = [(0, b"x y".to_vec()), (7, b"".to_vec())].into();
        assert_eq!(
            one(b"declare -ax A=([0]=\"x y\" [7]=\"\")\n"),
            Value::Indexed(indexed.clone())
        );
        assert_eq!(
            one(b"declare -a A='([0]=\"x y\" [7]=\"\")'\n"),
            Value::Indexed(indexed)
        );
        let map: BTreeMap<Vec<u8>, Vec<u8>> = [
            (b"k ]".to_vec(), b"v)".to_vec()),
            (b"n\n".to_vec(), b"\"".to_vec()),
        ]
        .into();
        let dump = b"declare -A A=([\"k ]\"]=\"v)\" [$'n\\n']=\"\\\"\" )\n";
        assert_eq!(one(dump), Value::Associative(map));
    }

    #[test]
    fn several_are_read_and_a_cut_one_is_refused() {
        let dump = b"declare -- A=\"1\"\ndeclare -- B=\"2\"\n";
        assert_eq!(read(dump).unwrap().len(), 2);
        for cut in 1..dump.len() {
            if cut != 17 {
                assert!(read(&dump[..cut]).is_none(), "{cut}");
            }
        }
    }
}
