//! COMMAND as a shell function (`--shell-env`): each job is a bash that sources FILE at top level and then
//! runs the function; variables that were asked for come back (`--export`).
//!
//! The function runs in the shell that sourced FILE, in no subshell and below no other file's frame, and
//! finds nothing of ours in its variables but the environment.
//!
//! The oldest bash is 4.3. What we have it run are words of older ones (`.`, `builtin`, `>|`, `declare -p`,
//! `+=`, and `declare -g` of 4.2 in the file that the caller sources): no `${name@Q}` and its like, which
//! came with 4.4. What differs among 4.3 and its successors is how `declare -p` quotes ([`declare`]).

mod declare;
mod export;
mod names;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Error, Result};

use crate::ask::{Probes, ask};
use crate::clients;
use crate::variables::Variables;
use crate::words::quoted;
use export::{AFTER, BEFORE, WHOLE};
use names::Name;

/// The file that sets the job's own environment again, which FILE may have overwritten.
const OWN: &str = "own.bash";

/// How the functions are run.
#[derive(Debug)]
pub(crate) struct Shell {
    bash: PathBuf,
    /// FILE, absolute: `.` looks a bare name up in PATH.
    file: PathBuf,
    exports: Vec<Name>,
}

/// What the user says of the functions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a Path,
    pub(crate) exports: &'a [OsString],
    /// Where the exported variables are to go.
    pub(crate) to: Option<&'a Path>,
}

impl Shell {
    /// Finds the bash and looks at FILE and the names before anything is started.
    pub(crate) fn check(source: &Source<'_>, given: &Variables, probes: &Probes) -> Result<Self> {
        let Source { file, exports, to } = *source;
        let file = std::path::absolute(file).map_err(|cause| Error::io("read", file, cause))?;
        let data = fs::metadata(&file).map_err(|cause| Error::io("read", &file, cause))?;
        if !data.is_file() {
            // It is read once for each job, and once before.
            return Err(Error::refused("read", file, "is no regular file"));
        }
        fs::File::open(&file).map_err(|cause| Error::io("read", &file, cause))?;
        let bash = bash(given)?;
        check_syntax(&bash, &file, probes)?;
        let exports: Vec<Name> = exports
            .iter()
            .map(|word| Name::read(word))
            .collect::<Result<_>>()?;
        if to.is_none() && !exports.is_empty() {
            return Err(Error::said(
                "export",
                "give the file to write by --export-to",
            ));
        }
        Ok(Self {
            bash,
            file,
            exports,
        })
    }

    /// The program and its words that run `function` with its arguments; writes what they read.
    pub(crate) fn launch(
        &self,
        directory: &Path,
        function: Vec<OsString>,
        variables: &Variables,
        given: &Variables,
    ) -> Result<(PathBuf, Vec<OsString>)> {
        let own = directory.join(OWN);
        fs::write(&own, again(variables, given))
            .map_err(|cause| Error::io("write", &own, cause))?;
        let mut argv: Vec<OsString> =
            vec!["bash".into(), "-c".into(), self.script(directory).into()];
        argv.push(self.file.clone().into());
        argv.extend(function);
        Ok((self.bash.clone(), argv))
    }

    /// What the functions export, once all jobs are done; `directories` are the jobs', in declared order.
    pub(crate) fn exported<'a>(
        &self,
        directories: impl Iterator<Item = &'a Path>,
    ) -> Result<Vec<u8>> {
        export::exported(&self.exports, directories)
    }

    /// The text that a job's bash runs; `$0` is FILE. `directory` has a plain name.
    ///
    /// The exported variables are dumped twice, as FILE and as the function left them. A dump ends in a line that says
    /// that it is whole. A variable that cannot be written must not be taken for one that did not change.
    fn script(&self, directory: &Path) -> String {
        let at = directory.display();
        let begin = format!(". \"$0\"\n. '{at}/{OWN}'\n");
        if self.exports.is_empty() {
            return begin + "\"$@\"";
        }
        let names: Vec<&str> = self
            .exports
            .iter()
            .map(|name| name.variable.as_str())
            .collect();
        let names = names.join(" ");
        let dump = |file| {
            format!(
                "{{ builtin declare -p {names} 2>/dev/null || builtin true; builtin echo {WHOLE}; }} >| '{at}/{file}'"
            )
        };
        let (before, after) = (dump(BEFORE), dump(AFTER));
        format!(
            "{begin}{before} || builtin exit 125\n\
             \"$@\"\n\
             _py_foreach_status=$?\n\
             {after} || [[ $_py_foreach_status != 0 ]] || _py_foreach_status=125\n\
             builtin exit \"$_py_foreach_status\""
        )
    }
}

/// What sets the job's environment again after FILE: exactly what py-foreach itself changed.
fn again(variables: &Variables, given: &Variables) -> Vec<u8> {
    let changes = variables.since(given);
    let changes = changes.filter(|(name, _)| names::is_variable(name.as_bytes()));
    let lines = changes.map(|(name, value)| match value {
        Some(value) => [
            b"builtin export ",
            name.as_bytes(),
            b"=",
            &quoted(value),
            b"\n",
        ]
        .concat(),
        None => [b"builtin unset -v ", name.as_bytes(), b"\n"].concat(),
    });
    lines.flatten().collect()
}

/// The bash that runs us, if its environment says so, else the first on PATH.
fn bash(given: &Variables) -> Result<PathBuf> {
    if let Some(bash) = given.path("BASH").filter(|bash| bash.is_absolute()) {
        return Ok(bash);
    }
    let path = given.get("PATH").unwrap_or_default();
    clients::on_path(OsStr::new("bash"), path, None)
        .ok_or_else(|| Error::refused("find", "bash", "command not found"))
}

fn check_syntax(bash: &Path, file: &Path, probes: &Probes) -> Result<()> {
    let said = ask(Command::new(bash).arg("-n").arg(file), probes);
    let said = said.map_err(|cause: io::Error| Error::io("run", bash, cause))?;
    if said.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&said.stderr);
    let first = complaint.lines().next().unwrap_or("bash -n fails");
    let first = first
        .strip_prefix(&format!("{}: ", file.display()))
        .unwrap_or(first);
    Err(Error::refused("read", file, first))
}
