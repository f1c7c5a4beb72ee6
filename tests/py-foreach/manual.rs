//! The man page is the tool's twin.

use std::path::Path;

#[test]
fn every_option_is_in_the_page_and_the_reverse() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../man/py-foreach.1");
    test_support::manual::assert_options_match(env!("CARGO_BIN_EXE_py-foreach"), &page);
}
