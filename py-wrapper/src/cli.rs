//! The words of the command line, as clap reads them, and the typed options they become.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};
use common::cli::{Shared, Stream};
use common::{Error, Implementation, Result, show};

use crate::layout::{BINDIRS, Layout, below, built, installed_path};
use crate::wrapper::{self, Kind};

/// Make each script of an image start the right Python
#[derive(Debug, Parser)]
#[command(name = "py-wrapper", version)]
pub(crate) struct Words {
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
    #[arg(long, value_name = "DIR")]
    bindir: Vec<PathBuf>,

    /// Move scripts to DIR/EPYTHON [default: /usr/lib/python-exec]
    #[arg(long, value_name = "DIR")]
    scriptroot: Option<PathBuf>,

    /// Gentoo Prefix: put DIR before all defaults; empty where there is none
    #[arg(long, value_name = "DIR", value_parser = path_or_nothing())]
    eprefix: Option<PathBuf>,

    /// What links point to [default: py-exec2 in the script root]
    #[arg(long, value_name = "FILE")]
    dispatcher: Option<PathBuf>,

    /// The interpreter of wrapped scripts, `/usr/bin/{interpreter}` for example
    #[arg(long, value_name = "TEMPLATE")]
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

pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Words, u8> {
    common::cli::parse(crate::TOOL, words, common::exit::FAILED)
}

/// What is to be wrapped.
#[derive(Debug)]
pub(crate) enum Work<'a> {
    /// One image.
    Image(&'a Implementation, &'a Path),
    /// The images of a stream.
    Stream(&'a Path),
    /// Scripts, for several implementations, into one image.
    Replicate(&'a [PathBuf], &'a Path),
}

impl Words {
    /// What is to be wrapped.
    pub(crate) fn work(&self) -> Result<Work<'_>> {
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
            (Some(source), [], _) => Ok(Work::Stream(source)),
            (Some(_), ..) => wrong("--impl and --images-from exclude each other"),
            (None, _, [files @ .., image]) if self.replicate && !files.is_empty() => {
                Ok(Work::Replicate(files, image))
            }
            _ if self.replicate => wrong("--replicate wants FILE... and IMAGE"),
            (None, [one], [image]) => Ok(Work::Image(one, image)),
            (None, _, [_]) => wrong("an image has one implementation"),
            _ => wrong("one image at a time; --images-from takes many"),
        }
    }

    /// The layout of the installed system.
    pub(crate) fn layout(&self) -> Result<Layout> {
        let eprefix = match &self.eprefix {
            Some(path) if path.as_os_str().is_empty() => PathBuf::new(),
            Some(path) => installed_path("--eprefix", path)?,
            None => PathBuf::new(),
        };
        let script_root = match &self.scriptroot {
            Some(path) => installed_path("--scriptroot", path)?,
            None => built(&eprefix, crate::SCRIPT_ROOT),
        };
        let dispatcher = match &self.dispatcher {
            Some(path) => installed_path("--dispatcher", path)?,
            None => script_root.join("py-exec2"),
        };
        let bindirs = if self.bindir.is_empty() {
            BINDIRS.iter().map(|dir| below(&eprefix, dir)).collect()
        } else {
            let given = self.bindir.iter();
            given
                .map(|dir| installed_path("--bindir", dir))
                .collect::<Result<Vec<_>>>()?
        };
        if let Some(dir) = bindirs.iter().find(|dir| overlap(dir, &script_root)) {
            // A script would be moved onto itself, and its wrapper put over it.
            let root = show::path(&script_root);
            let why = format!("it and the script root {root} may not hold each other");
            return Err(Error::refused("use bin directory", dir.as_os_str(), why));
        }
        let layout = Layout {
            bindirs: distinct(bindirs),
            sysconfdir: built(&eprefix, crate::SYSCONFDIR),
            program: below(&eprefix, "/usr/bin/py-exec"),
            interpreter: self.template()?,
            script_root,
            dispatcher,
            eprefix,
        };
        wrapper::fits(self.kind, &layout)?;
        Ok(layout)
    }

    fn template(&self) -> Result<Option<String>> {
        let Some(template) = &self.interpreter else {
            return Ok(None);
        };
        let refuse = |why: &str| Err(Error::refused("use --interpreter", template.as_str(), why));
        if !template.starts_with('/') {
            return refuse("is not an absolute path of the installed system");
        }
        if template.contains(char::is_control) {
            return refuse("has a control character in it");
        }
        // A misspelt name would be in the first line of every script, and none would start.
        let rest = template
            .replace("{interpreter}", "")
            .replace("{version}", "");
        if let Some(wrong) = in_braces(&rest) {
            return refuse(&format!(
                "{wrong} stands for nothing; {{interpreter}} and {{version}} do"
            ));
        }
        Ok(Some(template.clone()))
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

/// A path that may be empty, as `EPREFIX` is on a Gentoo without a prefix; clap's own takes none that is.
fn path_or_nothing() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Each once, in the order in which they were named.
fn distinct(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    for path in paths {
        if !seen.contains(&path) {
            seen.push(path);
        }
    }
    seen
}
