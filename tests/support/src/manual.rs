//! Compares the options in a tool's `--help` with those in its man page.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Tool;

/// Asserts that `program --help` and `page` have the same long options.
///
/// The page has an option if a list item names it: `.It Fl -name` or `.It Fl n , Fl -name`.
///
/// # Panics
/// When one of them lacks an option of the other.
pub fn assert_options_match(program: &str, page: &Path) {
    let help = Tool::new(program).arg("--help").run().expect(0).stdout;
    let text = std::fs::read_to_string(page).expect("the man page");
    let in_help = options_of_help(&help);
    let in_page = options_of_page(&text);
    assert!(!in_help.is_empty(), "no option in {help}");
    let missing: Vec<_> = in_help.difference(&in_page).collect();
    let unknown: Vec<_> = in_page.difference(&in_help).collect();
    assert!(missing.is_empty(), "{} lacks {missing:?}", page.display());
    assert!(
        unknown.is_empty(),
        "--help lacks {unknown:?} of {}",
        page.display()
    );
    let eaten: Vec<_> = text.lines().filter(|line| is_misread(line)).collect();
    assert!(eaten.is_empty(), "{} has {eaten:?}", page.display());
}

/// Whether mdoc shows another text than the line seems to have. It takes a word of one mark for punctuation, so that
/// `dir . --` becomes `dir. --`, and it joins quoted words that follow each other in one request.
fn is_misread(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.first() {
        Some(&(".Dl" | ".D1")) => words.iter().any(|word| is_mark(word)),
        Some(_)
            if words
                .iter()
                .any(|word| word.trim_start_matches('.') == "Ql") =>
        {
            words
                .windows(2)
                .any(|two| is_mark(two[0]) && !is_mark(two[1]))
        }
        _ => false,
    }
}

fn is_mark(word: &str) -> bool {
    matches!(word, "." | "," | ":" | ";" | "!" | "?")
}

/// The long options at the beginnings of lines of `--help`.
fn options_of_help(help: &str) -> BTreeSet<String> {
    let lines = help
        .lines()
        .map(str::trim_start)
        .filter(|l| l.starts_with('-'));
    lines
        .filter_map(|line| line.split_whitespace().find_map(long_option))
        .collect()
}

fn options_of_page(text: &str) -> BTreeSet<String> {
    let items = text.lines().filter(|line| line.starts_with(".It Fl"));
    items
        .flat_map(|line| line.split_whitespace())
        .filter_map(|word| word.strip_prefix('-'))
        .map(|name| format!("-{name}"))
        .filter_map(|word| long_option(&format!("-{word}")))
        .collect()
}

fn long_option(word: &str) -> Option<String> {
    let name = word.strip_prefix("--")?;
    let end = name
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .unwrap_or(name.len());
    (end > 0).then(|| name[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let help = "Options:\n  -q, --quiet  Say --nothing\n      --json <FILE>  x\n";
        let page = ".It Fl q , Fl -quiet\nx\n.It Fl -json Ar FILE\n.Fl -other\n";
        let names = BTreeSet::from(["quiet".to_owned(), "json".to_owned()]);
        assert_eq!(options_of_help(help), names);
        assert_eq!(options_of_page(page), names);
    }

    #[test]
    fn lines_that_mdoc_misreads_are_found() {
        assert!(is_misread(".Dl tool --copy . -- word"));
        assert!(!is_misread(r".Dl tool --copy \&. -- word"));
        assert!(is_misread(".Ql one , two"));
        assert!(is_misread(".Pq Ql one , Ql two ,"));
        assert!(!is_misread(".Ql one ,"));
        assert!(!is_misread(".Cm one , two"));
    }
}
