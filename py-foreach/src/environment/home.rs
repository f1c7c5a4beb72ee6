//! An own HOME for a job (`--isolate-home`), in which what others keep for the user still means what it
//! meant: toolchains, pip's configuration and the caches.

use std::path::Path;

use crate::variables::Variables;

/// Where pip keeps a user's configuration, below the configuration directory and below HOME.
const PIP_CONFIG: [&str; 3] = [".config/pip/pip.conf", ".pip/pip.conf", "pip/pip.conf"];

/// Gives `variables` the HOME `home`, after what depends on the old one was pinned.
///
/// `is_there` tells whether a path exists; it is asked for configuration and cache directories only.
pub(crate) fn isolate(variables: &mut Variables, home: &Path, is_there: impl Fn(&Path) -> bool) {
    if let Some(old) = variables.path("HOME") {
        pin(variables, &old, is_there);
    }
    variables.set("HOME", home);
}

fn pin(variables: &mut Variables, old: &Path, is_there: impl Fn(&Path) -> bool) {
    let cache = variables
        .path("XDG_CACHE_HOME")
        .unwrap_or_else(|| old.join(".cache"));
    let config = variables
        .path("XDG_CONFIG_HOME")
        .unwrap_or_else(|| old.join(".config"));
    let pip = [
        config.join(PIP_CONFIG[2]),
        old.join(PIP_CONFIG[0]),
        old.join(PIP_CONFIG[1]),
    ];
    if let Some(pip) = pip.into_iter().find(|file| is_there(file)) {
        variables.set_default("PIP_CONFIG_FILE", pip);
    }
    // ccache's own rule: ~/.ccache as long as it is there.
    let ccache_config = config.join("ccache/ccache.conf");
    let dotted = old.join(".ccache");
    let is_dotted = is_there(&dotted);
    let compilations = if is_dotted {
        dotted
    } else {
        cache.join("ccache")
    };
    if variables.get("CCACHE_DIR").is_none() && !is_dotted && is_there(&ccache_config) {
        // With CCACHE_DIR it would look for its configuration there alone.
        variables.set_default("CCACHE_CONFIGPATH", ccache_config);
    }
    for (name, place) in [
        ("CARGO_HOME", old.join(".cargo")),
        ("RUSTUP_HOME", old.join(".rustup")),
        ("PYENV_ROOT", old.join(".pyenv")),
        ("PIP_CACHE_DIR", cache.join("pip")),
        ("CCACHE_DIR", compilations),
        ("DISTCC_DIR", old.join(".distcc")),
        ("XDG_CACHE_HOME", cache),
    ] {
        variables.set_default(name, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_has_keeps_its_meaning() {
        let mut variables = Variables::from([
            ("HOME", "/h"),
            ("CARGO_HOME", "/c"),
            ("XDG_CACHE_HOME", "/x"),
        ]);
        isolate(&mut variables, Path::new("/j"), |path| {
            path.ends_with(".pip/pip.conf")
        });
        for (name, value) in [
            ("HOME", "/j"),
            ("CARGO_HOME", "/c"),
            ("RUSTUP_HOME", "/h/.rustup"),
            ("PYENV_ROOT", "/h/.pyenv"),
            ("PIP_CONFIG_FILE", "/h/.pip/pip.conf"),
            ("PIP_CACHE_DIR", "/x/pip"),
            ("XDG_CACHE_HOME", "/x"),
            ("CCACHE_DIR", "/x/ccache"),
            ("DISTCC_DIR", "/h/.distcc"),
        ] {
            assert_eq!(variables.get(name).unwrap(), value, "{name}");
        }
    }

    #[test]
    fn ccache_keeps_its_configuration() {
        let mut variables = Variables::from([("HOME", "/h")]);
        let there = |path: &Path| path.ends_with(".config/ccache/ccache.conf");
        isolate(&mut variables, Path::new("/j"), there);
        let config = variables.get("CCACHE_CONFIGPATH").unwrap();
        assert_eq!(config, "/h/.config/ccache/ccache.conf");
        assert_eq!(variables.get("CCACHE_DIR").unwrap(), "/h/.cache/ccache");
    }

    #[test]
    fn without_a_home_there_is_nothing_to_pin() {
        let mut variables = Variables::default();
        isolate(&mut variables, Path::new("/j"), |_| true);
        assert_eq!(variables, Variables::from([("HOME", "/j")]));
    }
}
