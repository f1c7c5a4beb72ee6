//! The command line, as clap reads it, and the typed options that it becomes.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};
use common::cli::{Shared, Stream};
use common::{Error, Implementation, Result, show};

use crate::layout::{BINDIRS, Layout, SCRIPT_ROOT, SYSCONFDIR, below, built, installed_path};
use crate::options::Options;
use crate::wrapper::{self, Kind};

/// Make each script of an image start the right Python
#[derive(Debug, Parser)]
#[command(name = "py-wrapper", version)]
pub(crate) struct Args {
    /// The implementation that the image was built for; a list with --replicate
    #[arg(
        short,
        long,
        value_name = "IMPL",
        required_unless_present = "images_from"
    )]
    #[arg(value_delimiter = ',')]
    pub(crate) r#impl: Vec<Implementation>,

    /// The image: the tree that an installation with DESTDIR=IMAGE left; before it, with --replicate,
    /// the scripts
    #[arg(value_name = "IMAGE", conflicts_with = "images_from")]
    #[arg(required_unless_present = "images_from")]
    pub(crate) image: Vec<PathBuf>,

    /// Install the scripts FILE... of `--replicate FILE... IMAGE` for every implementation
    #[arg(long, conflicts_with = "images_from")]
    replicate: bool,

    #[command(flatten)]
    pub(crate) stream: Stream,

    /// What takes a script's place
    #[arg(short, long, value_enum, default_value_t = Kind::Script, value_name = "KIND")]
    pub(crate) kind: Kind,

    /// Look into DIR (repeatable) [default: /usr/bin, /usr/sbin, /usr/local/bin]
    #[arg(long, value_name = "DIR", value_parser = path())]
    bindir: Vec<PathBuf>,

    /// Move scripts to DIR/EPYTHON [default: /usr/lib/python-exec]
    #[arg(long, value_name = "DIR", value_parser = path())]
    scriptroot: Option<PathBuf>,

    /// Gentoo Prefix: put DIR before all defaults; empty where there is none
    #[arg(long, value_name = "DIR", value_parser = path_or_nothing())]
    eprefix: Option<PathBuf>,

    /// What links point to [default: py-exec2 in the script root]
    #[arg(long, value_name = "FILE", value_parser = path())]
    dispatcher: Option<PathBuf>,

    /// The interpreter of wrapped scripts, `/usr/bin/{interpreter}` for example
    #[arg(long, value_name = "TEMPLATE", value_parser = template)]
    interpreter: Option<String>,

    /// Wrap scripts of other implementations too
    #[arg(long)]
    pub(crate) force: bool,

    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Write what is done to FILE, in JSON Lines
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Args, u8> {
    common::cli::parse(crate::TOOL, words, common::exit::FAILED)
}

/// What is to be wrapped.
#[derive(Debug)]
pub(crate) enum Task<'a> {
    /// One image.
    Image(&'a Implementation, &'a Path),
    /// The images of a stream.
    Stream(&'a Path),
    /// Scripts, for several implementations, into one image.
    Replicate(&'a [PathBuf], &'a Path),
}

impl Args {
    /// What is to be wrapped.
    pub(crate) fn task(&self) -> Result<Task<'_>> {
        let wrong = |why: &str| Err(Error::said("read arguments", why));
        // clap holds what a conflict rules out for not required.
        if self.stream.no_end && self.stream.images_from.is_none() {
            return wrong("--no-end wants --images-from");
        }
        for (n, one) in self.r#impl.iter().enumerate() {
            if self.r#impl[..n].contains(one) {
                return wrong(&format!("--impl names {one} twice"));
            }
        }
        match (
            &self.stream.images_from,
            self.r#impl.as_slice(),
            self.image.as_slice(),
        ) {
            (Some(source), [], _) => Ok(Task::Stream(source)),
            (Some(_), ..) => wrong("--impl and --images-from exclude each other"),
            (None, _, [files @ .., image]) if self.replicate && !files.is_empty() => {
                Ok(Task::Replicate(files, image))
            }
            _ if self.replicate => wrong("--replicate wants FILE... and IMAGE"),
            (None, [one], [image]) => Ok(Task::Image(one, image)),
            (None, _, [_]) => wrong("an image has one implementation"),
            _ => wrong("one image at a time; --images-from takes many"),
        }
    }

    /// What decides over the files that are written.
    pub(crate) fn options(&self) -> Result<Options> {
        Ok(Options {
            layout: self.layout()?,
            kind: self.kind,
            force: self.force,
            epoch: epoch()?,
        })
    }

    fn layout(&self) -> Result<Layout> {
        let eprefix = self.eprefix.clone().unwrap_or_default();
        let script_root = self.scriptroot.clone();
        let script_root = script_root.unwrap_or_else(|| built(&eprefix, SCRIPT_ROOT));
        let dispatcher = self.dispatcher.clone();
        let mut bindirs = self.bindir.clone();
        if bindirs.is_empty() {
            bindirs = BINDIRS.iter().map(|dir| below(&eprefix, dir)).collect();
        }
        let mut seen = HashSet::new();
        bindirs.retain(|dir| seen.insert(dir.clone()));
        if let Some(dir) = bindirs.iter().find(|dir| overlap(dir, &script_root)) {
            // A script would be moved onto itself, and its wrapper put over it.
            let root = show::path(&script_root);
            let why = format!("it and the script root {root} may not hold each other");
            return Err(Error::refused("use bin directory", dir.as_os_str(), why));
        }
        let layout = Layout {
            bindirs,
            sysconfdir: built(&eprefix, SYSCONFDIR),
            program: below(&eprefix, "/usr/bin/py-exec"),
            interpreter: self.interpreter.clone(),
            dispatcher: dispatcher.unwrap_or_else(|| script_root.join("py-exec2")),
            script_root,
            eprefix,
        };
        wrapper::fits(self.kind, &layout)?;
        Ok(layout)
    }
}

/// The value of `--interpreter`.
fn template(template: &str) -> Result<String, String> {
    if !template.starts_with('/') {
        return Err("is not an absolute path of the installed system".to_owned());
    }
    if template.contains(char::is_control) {
        return Err("has a control character in it".to_owned());
    }
    // A misspelt name would be in the first line of every script, and none would start.
    let rest = template.replace("{interpreter}", "");
    let rest = rest.replace("{version}", "");
    match in_braces(&rest) {
        Some(wrong) => Err(format!(
            "{wrong} stands for nothing; {{interpreter}} and {{version}} do"
        )),
        None => Ok(template.to_owned()),
    }
}

fn epoch() -> Result<Option<i64>> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(value) = std::env::var_os(NAME) else {
        return Ok(None);
    };
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(seconds) => Ok(Some(seconds)),
        None => {
            let verb = format!("read {NAME}");
            Err(Error::refused(verb, value, "is not a number of seconds"))
        }
    }
}

/// Whether two directories are one, or one is in the other.
fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The first word in braces, with them.
fn in_braces(text: &str) -> Option<&str> {
    let (begin, _) = text.match_indices('{').next()?;
    let end = begin + text[begin..].find('}')?;
    Some(&text[begin..=end])
}

/// An absolute path of the installed system.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|path| installed_path(path.as_ref()))
}

/// The same, or nothing: `EPREFIX` is empty on a Gentoo without a prefix.
fn path_or_nothing() -> impl TypedValueParser<Value = PathBuf> {
    let read = |path: OsString| {
        if path.is_empty() {
            Ok(PathBuf::new())
        } else {
            installed_path(path.as_ref())
        }
    };
    OsStringValueParser::new().try_map(read)
}
