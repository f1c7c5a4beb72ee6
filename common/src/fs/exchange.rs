//! Puts a finished file in the place of another, so that a reader sees the one or the other.
//!
//! Linux has `RENAME_EXCHANGE` for this. On ext4 it also spares the writing out that a rename over a file causes
//! (`auto_da_alloc`). File systems that do not know it get a second way.

use std::ffi::CStr;

use rustix::io::{Errno, Result};

use super::publish::{Published, has_no_links, publish};
use super::{At, FileId};

/// Exchanges two files: afterwards `place` is what `new` was, and `new` is what `place` was.
///
/// Second way: `new` waits under `spare`, a free name beside it, while `place` gets the second name `new`. On a file
/// system without hard links `place` has no name for a moment; a kill then leaves its old file under `new`.
pub fn exchange(new: At<'_>, place: At<'_>, spare: &CStr) -> Result<()> {
    match new.dir.exchange(new.name, place.dir, place.name) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        done => return done,
    }
    let spare = At::new(new.dir, spare);
    match by_names(new, place, spare, At::link) {
        Err(cause) if has_no_links(cause) => by_names(new, place, spare, At::rename_over),
        done => done,
    }
}

/// `keep` gives what `place` is the name `new`. An error leaves all as it was.
fn by_names<'a>(
    new: At<'a>,
    place: At<'a>,
    spare: At<'a>,
    keep: fn(At<'a>, At<'a>) -> Result<()>,
) -> Result<()> {
    new.rename_over(spare)?;
    let Err(cause) = keep(place, new) else {
        let Err(cause) = spare.rename_over(place) else {
            return Ok(());
        };
        // It replaces the file by itself if `place` still has it.
        new.rename_over(place)?;
        spare.rename_over(new)?;
        return Err(cause);
    };
    spare.rename_over(new)?;
    Err(cause)
}

/// Takes an [`exchange`] back: `place` becomes what `kept` is, if it is still `new` or has no file.
///
/// If another process has put another file there, that one stays, and so does `kept`.
pub fn put_back(kept: At<'_>, place: At<'_>, new: FileId) -> Result<()> {
    match place.stat() {
        Ok(there) if new.is(&there, place.dir)? => {}
        Ok(_) => return Ok(()),
        Err(Errno::NOENT) => {
            return match publish(kept, place)? {
                Published::Done => Ok(()),
                Published::Taken => Err(Errno::EXIST),
            };
        }
        Err(cause) => return Err(cause),
    }
    match kept.dir.exchange(kept.name, place.dir, place.name) {
        Err(Errno::INVAL | Errno::NOSYS) => kept.rename_over(place),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Dir;
    use super::*;

    type Way = fn(At<'_>, At<'_>, &CStr) -> Result<()>;
    const WAYS: [Way; 3] = [
        exchange,
        |new, place, spare| by_names(new, place, At::new(new.dir, spare), At::link),
        |new, place, spare| by_names(new, place, At::new(new.dir, spare), At::rename_over),
    ];

    #[test]
    fn every_way_exchanges_two_files() {
        for way in WAYS {
            let home = tempfile::tempdir().expect("a directory");
            let read = |name: &str| fs::read_to_string(home.path().join(name)).ok();
            fs::write(home.path().join("new"), "new").expect("a file");
            fs::write(home.path().join("place"), "old").expect("a file");
            let dir = Dir::named(home.path()).expect("a directory");
            let (new, place) = (At::new(&dir, c"new"), At::new(&dir, c"place"));
            let id = FileId::of(&new.stat().expect("a file"));
            way(new, place, c"spare").expect("exchanged");
            assert_eq!(read("place").as_deref(), Some("new"));
            assert_eq!(read("new").as_deref(), Some("old"));
            assert_eq!(read("spare"), None);
            put_back(new, place, id).expect("put back");
            assert_eq!(read("place").as_deref(), Some("old"));
        }
    }

    #[test]
    fn an_exchange_that_fails_leaves_the_new_file_where_it_was() {
        for way in WAYS {
            let home = tempfile::tempdir().expect("a directory");
            fs::write(home.path().join("new"), "new").expect("a file");
            let dir = Dir::named(home.path()).expect("a directory");
            let (new, missing) = (At::new(&dir, c"new"), At::new(&dir, c"missing"));
            assert_eq!(way(new, missing, c"spare"), Err(Errno::NOENT));
            let names: Vec<_> = fs::read_dir(home.path()).expect("names").collect();
            assert_eq!(names.len(), 1);
            assert_eq!(fs::read(home.path().join("new")).expect("a file"), b"new");
        }
    }

    #[test]
    fn another_file_at_the_place_stays() {
        let home = tempfile::tempdir().expect("a directory");
        fs::write(home.path().join("kept"), "kept").expect("a file");
        fs::write(home.path().join("place"), "another").expect("a file");
        let dir = Dir::named(home.path()).expect("a directory");
        let (kept, place) = (At::new(&dir, c"kept"), At::new(&dir, c"place"));
        let id = FileId::of(&kept.stat().expect("a file"));
        put_back(kept, place, id).expect("left alone");
        assert_eq!(
            fs::read(home.path().join("place")).expect("a file"),
            b"another"
        );
    }
}
