//! Makes a new inode like one of an image, in a place that is private until it is complete.

use std::ffi::CStr;
use std::os::fd::AsFd;

use common::Interrupts;
use rustix::fs::{self as sys, Mode};
use rustix::io::{Errno, Result};

use super::metadata;
use crate::settings::Method;
use common::fs::xattrs::{Lost, XattrTarget};
use common::fs::{Attributes, Caller, Dir, Kind, Xattrs, contents};

/// A copy that is complete.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) method: Method,
    /// Why it is no reflink, if one was wanted.
    pub(crate) why: Option<Errno>,
    /// Whether it has no blocks that could be shared or copied.
    pub(crate) is_recreated: bool,
    pub(crate) lost: Vec<Lost>,
}

/// What is copied, and where to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) interrupts: &'a Interrupts,
    pub(crate) from: (&'a Dir, &'a CStr),
    pub(crate) to: (&'a Dir, &'a CStr),
}

/// What FICLONE answers where blocks cannot be shared. ENOSPC and its like are not among them.
pub(crate) fn cannot_clone(cause: Errno) -> bool {
    matches!(
        cause,
        Errno::OPNOTSUPP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::NOTTY
            | Errno::NOSYS
            | Errno::PERM
            | Errno::ACCESS
            | Errno::TXTBSY
    )
}

impl Copy<'_> {
    /// Copies; `method` is [`Method::Reflink`] to share blocks, and then `or_copy` says whether the bytes
    /// may be copied instead.
    pub(crate) fn make(
        &self,
        source: &Attributes,
        method: Method,
        or_copy: bool,
    ) -> Result<Copied> {
        match source.kind {
            Kind::File => self.file(method, or_copy),
            Kind::Symlink => {
                let target = self.from.0.read_link(self.from.1)?;
                sys::symlinkat(target.as_c_str(), self.to.0, self.to.1)?;
                self.dress(source, method)
            }
            _ => {
                let mode = Mode::RUSR | Mode::WUSR;
                let kind = source.kind.file_type();
                sys::mknodat(self.to.0, self.to.1, kind, mode, source.device_number)?;
                self.dress(source, method)
            }
        }
    }

    fn dress(&self, source: &Attributes, method: Method) -> Result<Copied> {
        let xattrs = Xattrs::read(XattrTarget::Name(self.from.0, self.from.1))?;
        let lost = metadata::named(self.caller, self.to, source, &xattrs)?;
        Ok(Copied {
            method,
            why: None,
            is_recreated: true,
            lost,
        })
    }

    fn file(&self, method: Method, or_copy: bool) -> Result<Copied> {
        let from = self.from.0.open_file(self.from.1)?;
        let source = stat(&from)?;
        if source.kind != Kind::File {
            // It was one a moment ago: someone changes the image under us.
            return Err(Errno::STALE);
        }
        let to = self.to.0.create_file(self.to.1)?;
        let made = stat(&to)?;
        let mut why = None;
        let mut used = method;
        if method == Method::Reflink {
            match contents::clone(&from, &to) {
                Ok(()) => {}
                Err(cause) if or_copy && cannot_clone(cause) => {
                    why = Some(cause);
                    used = Method::Copy;
                }
                Err(cause) => return Err(cause),
            }
        }
        if used == Method::Copy {
            let go_on = || self.interrupts.pending().is_none();
            contents::copy(&from, &to, source.size, &go_on)?;
        }
        let xattrs = Xattrs::read(XattrTarget::Open(from.as_fd()))?;
        let lost = metadata::file(self.caller, to.as_fd(), &made, &source, &xattrs)?;
        Ok(Copied {
            method: used,
            why,
            is_recreated: false,
            lost,
        })
    }
}

fn stat(file: impl AsFd) -> Result<Attributes> {
    use common::fs::attributes::WANTED;
    let stat = sys::statx(file, c"", sys::AtFlags::EMPTY_PATH, WANTED)?;
    Ok(Attributes::of(&stat))
}
