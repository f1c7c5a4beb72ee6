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

pub(crate) use export::exported;

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
use names::Name;

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

/// What a job's bash is told. `$0` is FILE.
///
/// `own` sets the job's own environment again, which FILE may have overwritten. The two dumps are of the
/// exported variables, as FILE left them and as the function did.
struct Words<'a> {
    own: &'a Path,
    before: &'a Path,
    after: &'a Path,
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
        let own = directory.join("own.bash");
        fs::write(&own, again(variables, given))
            .map_err(|cause| Error::io("write", &own, cause))?;
        let words = Words {
            own: &own,
            before: &directory.join(export::BEFORE),
            after: &directory.join(export::AFTER),
        };
        let mut argv: Vec<OsString> = vec!["bash".into(), "-c".into(), self.script(&words)];
        argv.push(self.file.clone().into());
        argv.extend(function);
        Ok((self.bash.clone(), argv))
    }

    fn script(&self, words: &Words<'_>) -> OsString {
        use std::os::unix::ffi::OsStringExt;
        let mut script = b". \"$0\"\n. ".to_vec();
        script.extend(quoted(words.own.as_os_str()));
        if self.exports.is_empty() {
            script.extend_from_slice(b"\n\"$@\"");
            return OsString::from_vec(script);
        }
        // What cannot be written must not be taken for what was not changed.
        script.extend(self.dump(words.before));
        script.extend_from_slice(b" || builtin exit 125\n\"$@\"\n_py_foreach_status=$?");
        script.extend(self.dump(words.after));
        script.extend_from_slice(
            b" || [[ $_py_foreach_status != 0 ]] || _py_foreach_status=125\n\
              builtin exit \"$_py_foreach_status\"",
        );
        OsString::from_vec(script)
    }

    /// The command that writes the exported variables to `file`, closed by a line that says it is whole.
    fn dump(&self, file: &Path) -> Vec<u8> {
        let mut text = b"\n{ builtin declare -p".to_vec();
        for name in &self.exports {
            text.push(b' ');
            text.extend_from_slice(name.variable.as_bytes());
        }
        text.extend_from_slice(b" 2>/dev/null || builtin true; builtin echo ");
        text.extend_from_slice(export::WHOLE.as_bytes());
        text.extend_from_slice(b"; } >| ");
        text.extend(quoted(file.as_os_str()));
        text
    }
}

/// What sets the job's environment again after FILE: exactly what py-foreach itself changed.
fn again(variables: &Variables, given: &Variables) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in variables.since(given) {
        if !names::is_variable(name.as_bytes()) {
            continue;
        }
        match value {
            Some(value) => {
                text.extend_from_slice(b"builtin export ");
                text.extend_from_slice(name.as_bytes());
                text.push(b'=');
                text.extend(quoted(value));
            }
            None => {
                text.extend_from_slice(b"builtin unset -v ");
                text.extend_from_slice(name.as_bytes());
            }
        }
        text.push(b'\n');
    }
    text
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
    let first = complaint
        .lines()
        .next()
        .unwrap_or("bash -n fails")
        .to_owned();
    let name = format!("{}: ", file.display());
    let first = first.strip_prefix(&name).unwrap_or(&first).to_owned();
    Err(Error::refused("read", file.as_os_str(), first))
}
