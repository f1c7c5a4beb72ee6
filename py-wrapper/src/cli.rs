//! The command line, as clap reads it, and the settings that it means.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};
use common::cli::{Shared, Stream};
use common::{Error, Implementation, Result, show};

use crate::layout::{BINDIRS, Layout, SCRIPT_ROOT, SYSCONFDIR, below, built, installed_path};
use crate::session::TOOL;
use crate::settings::{Settings, Task, epoch};
use crate::wrapper::{self, Kind};

const INPUT: &str = "What is wrapped";
const WRAPPERS: &str = "Wrappers and scripts";
const LAYOUT: &str = "Paths of the installed system";
const REPORT: &str = "Report";

const USAGE: &str = "\
py-wrapper [OPTIONS] --impl=IMPL IMAGE
       py-wrapper [OPTIONS] --images-from=FILE
       py-wrapper [OPTIONS] --impl=IMPL,... --replicate FILE... IMAGE";

const EXAMPLES: &str = "\
Examples:
  Wrap the scripts of one image, with links to py-exec:
    py-wrapper --impl python3.12 --kind=link image/python3.12
  Wrap every image that py-foreach builds, and merge them:
    py-foreach ... | py-wrapper --images-from=- | img-merge --images-from=- dest
  Install one script for two Pythons:
    py-wrapper --impl python3.12,pypy3 --replicate tool image";

/// Make each script of an image start the right Python
#[derive(Debug, Parser)]
#[command(name = "py-wrapper", version, after_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Args {
    /// The implementation that the image was built for; a list with --replicate
    #[arg(short, long, value_name = "IMPL", help_heading = INPUT)]
    #[arg(value_delimiter = ',', required_unless_present = "images_from")]
    r#impl: Vec<Implementation>,

    /// The image: a tree as an installation with DESTDIR=IMAGE leaves it. With --replicate, the scripts come before it
    #[arg(value_name = "IMAGE", required_unless_present = "images_from")]
    #[arg(conflicts_with = "images_from")]
    image: Vec<PathBuf>,

    /// Install the scripts FILE... of `--replicate FILE... IMAGE` for every implementation
    #[arg(long, conflicts_with = "images_from", help_heading = INPUT)]
    replicate: bool,

    #[command(flatten, next_help_heading = INPUT)]
    stream: Stream,

    /// What takes the place of a script
    #[arg(short, long, value_enum, default_value_t = Kind::Script, value_name = "KIND", help_heading = WRAPPERS)]
    kind: Kind,

    /// The interpreter of wrapped scripts, for example `/usr/bin/{interpreter}`
    #[arg(long, value_name = "TEMPLATE", help_heading = WRAPPERS)]
    interpreter: Option<String>,

    /// Wrap scripts of other implementations too
    #[arg(long, help_heading = WRAPPERS)]
    force: bool,

    /// Look for scripts in DIR (repeatable) [default: /usr/bin, /usr/sbin, /usr/local/bin]
    #[arg(long, value_name = "DIR", help_heading = LAYOUT)]
    bindir: Vec<PathBuf>,

    /// Move scripts to DIR/EPYTHON [default: /usr/lib/python-exec]
    #[arg(long, value_name = "DIR", help_heading = LAYOUT)]
    scriptroot: Option<PathBuf>,

    /// Gentoo Prefix: put DIR before all default paths; an empty DIR is no prefix
    #[arg(long, value_name = "DIR", value_parser = path_or_nothing(), help_heading = LAYOUT)]
    eprefix: Option<PathBuf>,

    /// What wrappers of kind link point to [default: py-exec2 in the script root]
    #[arg(long, value_name = "FILE", help_heading = LAYOUT)]
    dispatcher: Option<PathBuf>,

    /// Print the plan and change nothing
    #[arg(long, help_heading = REPORT)]
    dry_run: bool,

    /// Write what was done to FILE as JSON Lines
    #[arg(long, value_name = "FILE", help_heading = REPORT)]
    json: Option<PathBuf>,

    #[command(flatten, next_help_heading = REPORT)]
    shared: Shared,
}

/// Reads the command line. The error is the exit status, after everything was printed.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Args, u8> {
    common::cli::parse(TOOL, words, common::exit::FAILED)
}

impl Args {
    /// What is wrapped.
    pub(crate) fn task(&self) -> Result<Task> {
        let wrong = |why: &str| Err(Error::said("read arguments", why));
        // clap does not require an argument that another one excludes.
        if self.stream.no_end && self.stream.images_from.is_none() {
            return wrong("--no-end needs --images-from");
        }
        for (n, one) in self.r#impl.iter().enumerate() {
            if self.r#impl[..n].contains(one) {
                return wrong(&format!("--impl names {one} twice"));
            }
        }
        if let Some(source) = &self.stream.images_from {
            if !self.r#impl.is_empty() {
                return wrong("--impl and --images-from exclude each other");
            }
            return Ok(Task::Stream(source.clone(), self.stream.end()));
        }
        match (
            self.replicate,
            self.r#impl.as_slice(),
            self.image.as_slice(),
        ) {
            (true, implementations, [first, files @ .., image]) => Ok(Task::Replicate {
                files: [std::slice::from_ref(first), files].concat(),
                implementations: implementations.to_vec(),
                image: image.clone(),
            }),
            (true, ..) => wrong("--replicate needs FILE... and IMAGE"),
            (false, [one], [image]) => Ok(Task::Image(one.clone(), image.clone())),
            (false, _, [_]) => wrong("an image has one implementation"),
            _ => wrong("one image at a time; --images-from takes many"),
        }
    }

    /// How it is wrapped.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let layout = self.layout()?;
        wrapper::fits(self.kind, &layout)?;
        Ok(Settings {
            layout,
            kind: self.kind,
            force: self.force,
            dry_run: self.dry_run,
            verbosity: self.shared.verbosity(),
            json: self.json.clone(),
            epoch: epoch()?,
        })
    }

    /// The layout of the installed system.
    fn layout(&self) -> Result<Layout> {
        let given = |option, path: &Option<PathBuf>| {
            let path = path.as_deref().filter(|path| !path.as_os_str().is_empty());
            path.map(|path| installed_path(option, path)).transpose()
        };
        let eprefix = given("--eprefix", &self.eprefix)?.unwrap_or_default();
        let script_root = given("--scriptroot", &self.scriptroot)?;
        let script_root = script_root.unwrap_or_else(|| built(&eprefix, SCRIPT_ROOT));
        let dispatcher = given("--dispatcher", &self.dispatcher)?;
        let mut bindirs = Vec::new();
        for dir in &self.bindir {
            let dir = installed_path("--bindir", dir)?;
            if !bindirs.contains(&dir) {
                bindirs.push(dir);
            }
        }
        if bindirs.is_empty() {
            bindirs = BINDIRS.iter().map(|dir| below(&eprefix, dir)).collect();
        }
        let overlap =
            |dir: &&PathBuf| dir.starts_with(&script_root) || script_root.starts_with(dir);
        if let Some(dir) = bindirs.iter().find(overlap) {
            // A script would be moved onto itself, and its wrapper put over it.
            let root = show::path(&script_root);
            let why = format!("it and the script root {root} may not hold each other");
            return Err(Error::refused("use bin directory", dir, why));
        }
        Ok(Layout {
            bindirs,
            sysconfdir: built(&eprefix, SYSCONFDIR),
            program: below(&eprefix, "/usr/bin/py-exec"),
            interpreter: self.template()?,
            dispatcher: dispatcher.unwrap_or_else(|| script_root.join("py-exec2")),
            script_root,
            eprefix,
        })
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
        // A misspelt name would get into the first line of every script, and no script would start.
        let rest = template
            .replace("{interpreter}", "")
            .replace("{version}", "");
        if let Some(wrong) = in_braces(&rest) {
            return refuse(&format!(
                "{wrong} has no meaning; {{interpreter}} and {{version}} have"
            ));
        }
        Ok(Some(template.clone()))
    }
}

/// The first word in braces, with them.
fn in_braces(text: &str) -> Option<&str> {
    let (begin, _) = text.match_indices('{').next()?;
    let end = begin + text[begin..].find('}')?;
    Some(&text[begin..=end])
}

/// A path that may be empty, as `EPREFIX` is on a Gentoo without a prefix. The parser of clap refuses that.
fn path_or_nothing() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}
